//! The command line.

use std::error::Error;
use std::path::PathBuf;

/// The options of the command line.
pub(crate) struct Options {
    /// The port to listen on; 0 for any free port.
    pub(crate) port: u16,
    pub(crate) flags: PathBuf,
    /// The list of the people who can approve a flag. Without one, no flag needs approvals.
    pub(crate) approvers: Option<PathBuf>,
    /// The environment. Its file is beside the flag file. Without one, the flag file is all there is.
    pub(crate) environment: Option<String>,
    /// The folder in which the newest approvals are remembered.
    pub(crate) state: Option<PathBuf>,
    /// Whether SIGHUP reloads the flags, as with many daemons.
    pub(crate) reload_on_hup: bool,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let flags = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml"));
        let mut options =
            Self { port: 0, flags, approvers: None, environment: None, state: None, reload_on_hup: false };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("got {arg} without a value, expected {arg} VALUE"));
            match arg.as_str() {
                "--port" => {
                    let port = value()?;
                    options.port = port.parse().map_err(|_| format!("got --port {port:?}, expected 0 to 65535"))?;
                }
                "--flags" => options.flags = value()?.into(),
                "--approvers" => options.approvers = Some(value()?.into()),
                "--env" => options.environment = Some(value()?),
                "--state" => options.state = Some(value()?.into()),
                "--reload-on-hup" => options.reload_on_hup = true,
                _ => {
                    let expected = "--port PORT, --flags FILE, --approvers FILE, --env NAME, --state FOLDER or \
                                    --reload-on-hup";
                    return Err(format!("got {arg:?}, expected {expected}").into());
                }
            }
        }
        Ok(options)
    }
}
