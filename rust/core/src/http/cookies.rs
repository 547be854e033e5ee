//! The cookies of one VU (RFC 6265).

use std::sync::atomic::{AtomicBool, Ordering};

use cookie_store::{CookieStore, RawCookie};
use parking_lot::Mutex;
use url::Url;

use super::endpoint::Endpoint;
use super::message::Message;

/// Cookies by domain and path; they expire as the server said.
#[derive(Debug, Default)]
pub struct Jar {
    store: Mutex<CookieStore>,
    filled: AtomicBool,
}

impl Jar {
    /// Takes the cookies that a response sets.
    pub(super) fn keep(&self, message: &Message, endpoint: &Endpoint, path: &str) {
        let set = message.cookies();
        if set.is_empty() {
            return;
        }
        let Some(url) = endpoint.url(path) else {
            return;
        };
        let mut store = self.store.lock();
        for cookie in set {
            // One that is malformed, or meant for another host, is ignored as browsers do.
            let _ = store.parse(&cookie, &url);
        }
        self.filled.store(true, Ordering::Release);
    }

    /// The `cookie` header for a request.
    pub(super) fn header(&self, endpoint: &Endpoint, path: &str) -> Option<String> {
        // Most APIs set no cookie: the URL is put together only for those that do.
        if !self.filled.load(Ordering::Acquire) {
            return None;
        }
        let url = endpoint.url(path)?;
        let pairs: Vec<String> = self.store.lock().get_request_values(&url).map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Name and value of each cookie that a request to `url` would carry.
    #[must_use]
    pub fn of(&self, url: &Url) -> Vec<(String, String)> {
        self.store.lock().get_request_values(url).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Sets a cookie for the host of `url`; false when it cannot be one.
    pub fn set(&self, name: &str, value: &str, url: &Url) -> bool {
        self.filled.store(true, Ordering::Release);
        let cookie = RawCookie::build((name.to_owned(), value.to_owned())).path("/").build();
        self.store.lock().insert_raw(&cookie, url).is_ok()
    }

    /// Forgets all cookies.
    pub fn clear(&self) {
        self.store.lock().clear();
        self.filled.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Target;
    use crate::http::message::Notes;

    fn answer(fields: &str) -> Message {
        Message::with_head(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), 0, Notes { sets_cookies: true, ..Notes::default() })
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_and_path_until_it_expires() {
        let jar = Jar::default();
        let (endpoint, _) = Target::parse("http://127.0.0.1:8000", &[]).unwrap().resolve("/").unwrap();
        let (other, _) = Target::parse("http://localhost:8000", &[]).unwrap().resolve("/").unwrap();
        assert_eq!(jar.header(&endpoint, "/"), None);
        jar.keep(&answer("set-cookie: a=1; Path=/\r\nSet-Cookie: b=2; path=/deep; HttpOnly\r\n"), &endpoint, "/");
        assert_eq!(jar.header(&endpoint, "/"), Some("a=1".to_owned()));
        let deep = jar.header(&endpoint, "/deep/er?x=1").unwrap();
        assert!(deep.contains("a=1") && deep.contains("b=2"), "{deep}");
        assert_eq!(jar.header(&other, "/"), None);
        jar.keep(&answer("set-cookie: a=1; Path=/; Max-Age=0\r\n"), &endpoint, "/");
        assert_eq!(jar.header(&endpoint, "/"), None);
        jar.clear();
        assert_eq!(jar.header(&endpoint, "/deep/er"), None);
    }

    #[test]
    fn a_cookie_of_a_domain_goes_to_its_hosts_and_none_is_taken_for_a_foreign_one() {
        let at = |host: &str| Target::parse(&format!("http://{host}"), &[]).unwrap().resolve("/").unwrap().0;
        let jar = Jar::default();
        jar.keep(&answer("set-cookie: a=1; Domain=app.test\r\nset-cookie: b=2; Domain=other.test\r\n"), &at("shop.app.test"), "/");
        for (host, sent) in [
            ("shop.app.test", Some("a=1")),
            ("app.test", Some("a=1")),
            ("x.y.app.test", Some("a=1")),
            ("myapp.test", None),
            ("other.test", None),
        ] {
            assert_eq!(jar.header(&at(host), "/").as_deref(), sent, "{host}");
        }
        jar.keep(&answer("set-cookie: a=1; Domain=app.test; Expires=Wed, 21 Oct 2015 07:28:00 GMT\r\n"), &at("app.test"), "/");
        assert_eq!(jar.header(&at("app.test"), "/"), None);
    }

    #[test]
    fn a_secure_cookie_needs_tls_except_on_this_machine() {
        for (url, sent) in [("http://app.test", None), ("https://app.test", Some("c=3")), ("http://127.0.0.1:8000", Some("c=3"))] {
            let jar = Jar::default();
            let (endpoint, _) = Target::parse(url, &[]).unwrap().resolve("/").unwrap();
            jar.keep(&answer("set-cookie: c=3; Secure\r\n"), &endpoint, "/");
            assert_eq!(jar.header(&endpoint, "/").as_deref(), sent, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_fail(text in "[ -~]{0,80}") {
            let jar = Jar::default();
            let (endpoint, _) = Target::parse("http://127.0.0.1", &[]).unwrap().resolve("/").unwrap();
            jar.keep(&answer(&format!("set-cookie: {text}\r\n")), &endpoint, "/a");
            let _ = jar.header(&endpoint, "/a/b");
        }
    }
}
