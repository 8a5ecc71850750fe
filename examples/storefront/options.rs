//! The command line.

use std::error::Error;
use std::path::PathBuf;

/// What the command line says.
pub(crate) struct Options {
    /// 0 is any free port.
    pub(crate) port: u16,
    pub(crate) flags: PathBuf,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options =
            Self { port: 0, flags: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml")) };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--port" => {
                    let port = value()?;
                    options.port = port.parse().map_err(|_| format!("--port takes 0 to 65535, not {port:?}"))?;
                }
                "--flags" => options.flags = value()?.into(),
                _ => return Err(format!("got {arg:?}, expected --port PORT or --flags FILE").into()),
            }
        }
        Ok(options)
    }
}
