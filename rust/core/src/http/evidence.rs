//! What is kept of a request that failed, for whoever has to find out why: cut to a size, without secrets.

use std::fmt::Write;

use super::job::{Body, Job};
use super::message::Message;

/// Most bytes kept of a body, and of a head.
const MOST: usize = 1024;
const HIDDEN: &str = "(redacted)";
/// Words in the names of fields and parameters whose values are secrets.
const SECRET: [&str; 9] = ["authorization", "cookie", "token", "secret", "password", "passwd", "api-key", "apikey", "session"];

/// The text of a request and of what came back; empty where nothing was sent or nothing came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Method, path, headers and the start of the body.
    pub request: String,
    /// Status, headers and the start of the body.
    pub response: String,
}

impl Evidence {
    /// That of a request and what came back.
    pub(super) fn of(job: &Job, status: u16, message: &Message) -> Self {
        let mut request = format!("{} {}\n", job.method, parameters(&job.path));
        let fields = job.shared().chain(&job.own_headers);
        fields.for_each(|(name, value)| field(&mut request, name.as_str(), value.as_bytes()));
        if let Body::Bytes(bytes) = &job.body {
            body(&mut request, bytes);
        }
        Self { request, response: Self::of_response(status, message) }
    }

    /// The text of a response.
    #[must_use]
    pub fn of_response(status: u16, message: &Message) -> String {
        if status == 0 {
            return String::new();
        }
        let mut text = format!("{status}\n");
        message.fields(|name, value| field(&mut text, name, value));
        let decoded = message.decoded();
        body(&mut text, decoded.as_deref().unwrap_or(message.body()));
        text
    }
}

fn field(text: &mut String, name: &str, value: &[u8]) {
    if text.len() < MOST {
        let value = if is_secret(name) { HIDDEN.into() } else { String::from_utf8_lossy(value) };
        let _ = writeln!(text, "{name}: {value}");
    }
}

fn body(text: &mut String, bytes: &[u8]) {
    if !bytes.is_empty() {
        let start = String::from_utf8_lossy(bytes.get(..MOST).unwrap_or(bytes));
        let shown = if start.trim_start().starts_with(['{', '[']) { members(&start) } else { parameters_of(&start) };
        let _ = write!(text, "\n{shown}{}", if bytes.len() > MOST { "..." } else { "" });
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    SECRET.iter().any(|word| name.contains(word))
}

/// A path with query, the values of secret parameters hidden.
fn parameters(path: &str) -> String {
    path.split_once('?').map_or_else(|| path.to_owned(), |(path, query)| format!("{path}?{}", parameters_of(query)))
}

fn parameters_of(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

/// JSON, which may be cut off, the values of secret members hidden.
fn members(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, name, after)) = next_string(rest) {
        shown.push_str(before);
        let _ = write!(shown, "\"{name}\"");
        rest = after;
        let value = after.trim_start().strip_prefix(':').map(str::trim_start);
        if let Some(value) = value.filter(|_| is_secret(name)) {
            let end = match next_string(value) {
                Some(("", _, end)) => end,
                _ if value.starts_with('"') => "",
                _ => value.trim_start_matches(|character: char| !",}]".contains(character)),
            };
            let _ = write!(shown, ": \"{HIDDEN}\"");
            rest = end;
        }
    }
    shown + rest
}

/// What stands before the next JSON string, the string as it is written, and what follows it.
fn next_string(json: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = json.split_once('"')?;
    let mut escaped = false;
    let end = rest.find(|character: char| {
        let here = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        here
    })?;
    Some((before, rest.get(..end)?, rest.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let table = [
            (parameters("/login?user=me&access_token=abc&x=1"), "/login?user=me&access_token=(redacted)&x=1"),
            (parameters("/plain"), "/plain"),
            (parameters_of("name=x&PASSWORD=pw"), "name=x&PASSWORD=(redacted)"),
            (members(r#"{"user": "me", "password": "a\"b", "n": 1}"#), r#"{"user": "me", "password": "(redacted)", "n": 1}"#),
            (members(r#"{"token":{"a":1},"b":2}"#), r#"{"token": "(redacted)"},"b":2}"#),
            (members(r#"{"refresh_token": "cut o"#), r#"{"refresh_token": "(redacted)""#),
            (members(r#"["token", "secret"]"#), r#"["token", "secret"]"#),
        ];
        for (shown, wanted) in table {
            assert_eq!(shown, wanted);
        }
        let mut text = String::new();
        field(&mut text, "Set-Cookie", b"a=1");
        field(&mut text, "X-Api-Key", b"k");
        field(&mut text, "accept", b"*/*");
        assert_eq!(text, "Set-Cookie: (redacted)\nX-Api-Key: (redacted)\naccept: */*\n");
    }

    proptest! {
        #[test]
        fn a_password_never_shows_however_the_json_is_cut(cut in 0_usize..80, secret in "[a-z]{12}") {
            let json = format!(r#"{{"a": "b", "password": "{secret}", "c": [1, 2]}}"#);
            let shown = members(json.get(..cut.min(json.len())).unwrap());
            prop_assert!(!shown.contains(&secret[..4]), "{shown}");
        }

        #[test]
        fn no_text_makes_it_fail(text in ".{0,200}") {
            let _ = (members(&text), parameters(&text));
        }
    }
}
