//! What follows a response before the script gets one: a redirect, or the answer to a digest challenge.

use std::borrow::Cow;

use bytes::Bytes;
use digest_auth::{AuthContext, HttpMethod};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION};
use http::{HeaderName, HeaderValue, Method};

use super::endpoint::Target;
use super::job::{Body, Job};
use super::message::Message;
use super::trace::Fault;
use crate::failure::FailureKind;

/// Changes the request into the one that `message` asks for next; None when it asks for nothing.
pub(super) fn follow(job: &mut Job, status: u16, message: &Message, target: &Target) -> Option<Result<(), Fault>> {
    match status {
        301 | 302 | 303 | 307 | 308 if !job.expect.contains(&status) => redirect(job, status, message, target),
        401 => answer_challenge(job, message),
        _ => None,
    }
}

/// RFC 9110, section 15.4.
fn redirect(job: &mut Job, status: u16, message: &Message, target: &Target) -> Option<Result<(), Fault>> {
    if job.redirects == 0 {
        return None;
    }
    let location = message.field("location")?;
    let fault = |what: String| Some(Err(Fault::new(FailureKind::Redirect, what)));
    let Some(url) = job.endpoint.url(&job.path).and_then(|here| here.join(&location).ok()) else {
        return fault(format!("the redirect leads to {location:?}, which is no URL"));
    };
    let (endpoint, path) = match target.resolve_absolute(&url) {
        Ok(found) => found,
        Err(error) => return fault(error.to_string()),
    };
    if status == 303 && job.method != Method::HEAD || status < 303 && job.method == Method::POST {
        job.method = Method::GET;
        job.body = Body::Bytes(Bytes::new());
        drop_fields(job, &[CONTENT_TYPE, CONTENT_ENCODING]);
    }
    if endpoint != job.endpoint {
        drop_fields(job, &[AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST]);
    }
    (job.endpoint, job.path) = (endpoint, path);
    job.redirects -= 1;
    if job.redirects == 0 {
        // The last one allowed: a further redirect is what the script gets, as a failure.
        job.expect = if job.expect.is_empty() { (200..300).collect() } else { std::mem::take(&mut job.expect) };
    }
    Some(Ok(()))
}

fn drop_fields(job: &mut Job, names: &[HeaderName]) {
    job.own_headers.retain(|(name, _)| !names.contains(name));
    job.headers = job.headers.without(names);
}

/// RFC 7616.
fn answer_challenge(job: &mut Job, message: &Message) -> Option<Result<(), Fault>> {
    let (name, password) = job.rules.as_mut()?.digest.take()?;
    let challenge = message.field("www-authenticate").filter(|value| value.trim_start().to_ascii_lowercase().starts_with("digest"))?;
    let body = if let Body::Bytes(bytes) = &job.body { Some(Cow::Borrowed(bytes.as_ref())) } else { None };
    let method = HttpMethod::from(job.method.as_str());
    let context = AuthContext::new_with_method(name, password, &*job.path, body, method);
    let answer = digest_auth::parse(&challenge).and_then(|mut prompt| prompt.respond(&context));
    let answer = answer.map_err(|error| error.to_string());
    let value = answer.and_then(|answer| HeaderValue::try_from(answer.to_string()).map_err(|error| error.to_string()));
    Some(value.map(|value| job.own_headers.push((AUTHORIZATION, value))).map_err(|error| Fault::new(FailureKind::Status, error)))
}
