//! The command line.

use std::error::Error;
use std::path::PathBuf;

/// The options of the command line.
pub(crate) struct Options {
    /// The port to listen on; 0 for any free port.
    pub(crate) port: u16,
    pub(crate) flags: PathBuf,
    /// Whether SIGHUP reloads the flags, as with many daemons.
    pub(crate) reload_on_hup: bool,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let flags = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml"));
        let mut options = Self { port: 0, flags, reload_on_hup: false };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("got {arg} without a value, expected {arg} VALUE"));
            match arg.as_str() {
                "--port" => {
                    let port = value()?;
                    options.port = port.parse().map_err(|_| format!("got --port {port:?}, expected 0 to 65535"))?;
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
