//! The command line.

use std::error::Error;
use std::path::PathBuf;

/// What the command line says.
pub(crate) struct Options {
    /// 0 is any free port.
    pub(crate) port: u16,
    pub(crate) flags: PathBuf,
    /// Whether the signal SIGHUP has the flags loaded again, as with many daemons.
    pub(crate) reload_on_hup: bool,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let flags = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml"));
        let mut options = Self { port: 0, flags, reload_on_hup: false };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--port" => {
                    let port = value()?;
                    options.port = port.parse().map_err(|_| format!("--port takes 0 to 65535, not {port:?}"))?;
                }
                "--flags" => options.flags = value()?.into(),
                "--reload-on-hup" => options.reload_on_hup = true,
                _ => {
                    return Err(format!("got {arg:?}, expected --port PORT, --flags FILE or --reload-on-hup").into());
                }
            }
        }
        Ok(options)
    }
}
