//! The URL of a document, and the form of it that may be shown.
//!
//! A URL can hold secrets: user information and query. [`Target`] keeps the complete URL for requests, and a second form
//! without these parts for messages, `Debug` and the provenance.
//!
//! # Invariants
//!
//! - The scheme is `https`, or `http` to this machine, or `http` to any machine if the user has allowed that.
//! - The URL has a host, and a port that is absent or valid.
//! - A redirect stays at the origin of the first URL, and keeps its user information.
//! - No error repeats the URL, because an invalid URL may hold a secret in an unexpected position.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use crate::error::Error;

/// The URL of a document, checked when the source is created.
///
/// [`Http`](super::Http) owns one, its client has a copy, and following a redirect creates another.
#[derive(Clone)]
pub(super) struct Target {
    /// The URL of requests. It has no fragment, which is never sent.
    uri: Uri,
    /// The URL without user information and query, which may hold secrets.
    shown: String,
}

impl Target {
    /// Parses a URL. `insecure` allows `http://` to other machines.
    ///
    /// # Errors
    ///
    /// Returns an error for a text that is not a URL, for an invalid port, for another scheme, and for a missing host.
    /// Returns one too for `http://` to another machine without `insecure`.
    pub(super) fn parse(url: &str, insecure: bool) -> Result<Self, Error> {
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let uri: Uri =
            url.parse().map_err(|_| Error::url("it is not one such as https://flags.example.com/flags.toml"))?;
        // `Uri` accepts an invalid port, and would use the default port instead.
        let after_host = uri.authority().and_then(|authority| authority.as_str().rsplit(['@', ']']).next());
        if after_host.is_some_and(|rest| rest.contains(':')) && uri.port_u16().is_none() {
            return Err(Error::url("its port is not a number from 0 to 65535"));
        }
        let is_https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(Error::url("it begins with neither https:// nor http://")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| Error::url("it has no host"))?;
        if !is_https && !insecure && !is_loopback(host) {
            return Err(Error::url(
                "http:// to another machine is not encrypted, so anyone on the network can turn flags on and read tokens; use https://, or Http::insecure if the network is trusted",
            ));
        }
        let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let scheme = if is_https { "https" } else { "http" };
        let shown = format!("{scheme}://{host}{port}{}", uri.path());
        Ok(Self { uri, shown })
    }

    /// Returns the URL for requests. It may hold secrets, so it must not become part of a message.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the URL for messages: without user information and query.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns whether the host is this machine. Only the text counts; the name is not resolved.
    ///
    /// Such a request uses no proxy, because a proxy would resolve the name on its own machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.uri.host().is_some_and(is_loopback)
    }

    /// Returns the target of a redirect if it has the same scheme, host and port.
    ///
    /// The headers of a request may be secret, so they are sent to no other origin. Hosts compare without case, and a
    /// missing port is the default of its scheme. Only path and query are from `location`, which is absolute or begins
    /// with one `/`.
    pub(super) fn redirected(&self, location: &str) -> Option<Self> {
        // The new URL keeps the authority of the old one, and with it the user information.
        let same_origin =
            |path: &str| format!("{}://{}{path}", self.uri.scheme_str()?, self.uri.authority()?).parse::<Uri>().ok();
        if location.starts_with('/') && !location.starts_with("//") {
            return Self::parse(&same_origin(location)?.to_string(), true).ok();
        }
        let uri = location.parse::<Uri>().ok()?;
        let origin = |uri: &Uri| {
            let scheme = uri.scheme_str()?.to_ascii_lowercase();
            let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
            Some((scheme, uri.host()?.to_ascii_lowercase(), port))
        };
        if origin(&uri)? != origin(&self.uri)? {
            return None;
        }
        Self::parse(&same_origin(uri.path_and_query()?.as_str())?.to_string(), true).ok()
    }
}

/// Returns whether a host is `localhost`, an address from 127.0.0.0/8, or `::1`.
///
/// The host of a URL has brackets around an IPv6 address. A name below `localhost` may resolve to any address.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

// `Http` has a `Debug` output that applications log, so it has the shown form only.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Result<String, Error> {
        Target::parse(url, false).map(|target| target.shown().to_owned())
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let target = Target::parse("https://user:canary@example.com:8443/a/flags.toml?token=canary#canary", false);
        let target = target.expect("a URL");
        assert_eq!(target.shown(), "https://example.com:8443/a/flags.toml");
        assert!(!format!("{target:?}").contains("canary"));
        for bad in ["https://user:canary@/x", "canary://x/y", "https://exa mple/canary", "https://[canary/x"] {
            let error = Target::parse(bad, false).expect_err(bad);
            assert!(!format!("{error} {error:?}").contains("canary"), "{bad}");
        }
    }

    #[test]
    fn plain_text_goes_no_further_than_this_machine_unless_asked_to() {
        for good in ["http://127.0.0.1:80/f", "http://localhost/f", "http://[::1]:1/f", "http://127.9.9.9/"] {
            assert!(shown(good).is_ok(), "{good}");
        }
        for bad in
            ["http://example.com/f", "http://10.0.0.1/f", "http://localhost.example.com/f", "ftp://x/f", "/f", ""]
        {
            assert!(shown(bad).is_err(), "{bad}");
        }
        assert!(Target::parse("http://example.com/f", true).is_ok());
        for bad in ["https://h:99999/f", "https://h:/f", "https://u:p@h:x/f", "https://[::1]:x/f"] {
            assert!(shown(bad).is_err(), "{bad}");
        }
        assert!(shown("https://u:p@h/f").is_ok() && shown("https://[::1]/f").is_ok());
    }

    #[test]
    fn redirects_stay_at_the_origin() {
        let target = Target::parse("https://example.com/a?q", false).expect("a URL");
        let to = |location| target.redirected(location).map(|target| target.shown().to_owned());
        assert_eq!(to("/b").as_deref(), Some("https://example.com/b"));
        assert_eq!(to("https://EXAMPLE.com:443/c").as_deref(), Some("https://example.com/c"));
        let with_user = Target::parse("https://u:p@example.com/a", false).expect("a URL");
        for location in ["/b?q", "https://example.com/b?q"] {
            let target = with_user.redirected(location).expect("the same origin");
            assert_eq!(target.uri().to_string(), "https://u:p@example.com/b?q");
        }
        for elsewhere in
            ["http://example.com/b", "https://example.com:444/b", "https://example.org/b", "//example.org/b", "b", ""]
        {
            assert_eq!(to(elsewhere), None, "{elsewhere}");
        }
    }
}
