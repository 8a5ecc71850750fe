//! Command lines that the command prints for a person to copy.
//!
//! A copied line must act on the same files as the run that printed it. So it repeats `--file` and `--env`, and quotes
//! every word for a shell.

use std::fmt::{self, Write as _};
use std::path::Path;

use crate::location::FLAG_FILE;

/// A `flagkit` command line for a flag file, and for an environment if there is one.
///
/// Its `Display` is one line for a POSIX shell. The file is omitted if it is the default.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine(String);

impl CommandLine {
    /// Creates the line from the words after `flagkit`.
    pub(crate) fn new(file: &Path, env: Option<&str>, words: &[&str]) -> Self {
        let mut line = String::from("flagkit");
        let mut push = |word: &str| {
            line.push(' ');
            line += word;
        };
        for word in words {
            push(&quoted(word.as_bytes()));
        }
        if file != Path::new(FLAG_FILE) {
            push("--file");
            push(&quoted_path(file));
        }
        if let Some(env) = env {
            push("--env");
            push(&quoted(env.as_bytes()));
        }
        Self(line)
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns a path as one word. A leading `-` would make it an option.
pub(crate) fn quoted_path(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.starts_with(b"-") { quoted(&[b"./", bytes].concat()) } else { quoted(bytes) }
}

/// Returns a word with the quotes that a shell needs. Control characters and bytes outside UTF-8 become escapes.
fn quoted(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./=:,@%+".contains(byte);
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && word.iter().all(is_plain) => text.to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let escaped = word.iter().fold(String::new(), |mut text, byte| {
                match byte {
                    b'\'' | b'\\' => {
                        let _ = write!(text, "\\{}", char::from(*byte));
                    }
                    b' '..=b'~' => text.push(char::from(*byte)),
                    _ => {
                        let _ = write!(text, "\\x{byte:02x}");
                    }
                }
                text
            });
            format!("$'{escaped}'")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn options_are_repeated_where_they_differ_from_the_default() {
        let line = |file: &str, env| CommandLine::new(Path::new(file), env, &["revert", "x"]).to_string();
        assert_eq!(line("flags.toml", None), "flagkit revert x");
        assert_eq!(line("shop/flags.toml", None), "flagkit revert x --file shop/flags.toml");
        assert_eq!(line("flags.toml", Some("prod")), "flagkit revert x --env prod");
        assert_eq!(line("-x.toml", Some("prod")), "flagkit revert x --file ./-x.toml --env prod");
    }

    #[test]
    fn a_shell_reads_back_every_path() {
        for path in [
            "a b.toml",
            "it's.toml",
            "$HOME/`id`/\"x\".toml",
            "~/x",
            "a\\b",
            "ä ö",
            "a\nb\u{1b}[1m",
            "*?[a];&|<>(){}!#",
        ] {
            let line = CommandLine::new(Path::new(path), None, &["list"]).to_string();
            assert!(!line.chars().any(char::is_control), "{line:?}");
            let script = line.replacen("flagkit", "printf '%s\\0'", 1);
            let Ok(output) = Command::new("bash").args(["-c", &script]).output() else {
                println!("SKIPPED: there is no bash");
                return;
            };
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("list\0--file\0{path}\0"), "{line}");
        }
    }
}
