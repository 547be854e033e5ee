//! What distinguishes a request beyond method and URL; crosses from Python by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use tenantry_core::http::codings::encode;
use tenantry_core::http::{Body, Inflow, Part, Rules};

import_exception!(tenantry.errors, UsageError);

/// Those of `tenantry.types.RequestOptions`.
#[derive(Default)]
pub(crate) struct RequestOptions<'py> {
    pub(crate) name: Option<String>,
    pub(crate) group: Option<Bound<'py, PyString>>,
    pub(crate) body: Option<Body>,
    content_type: Option<String>,
    coding: Option<String>,
    headers: Vec<(String, String)>,
    pub(crate) expect: Vec<u16>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) redirects: Option<u8>,
    retries: u8,
    digest: Option<(String, String)>,
    discard: bool,
    most_body: u64,
    pub(crate) tags: Vec<(String, String)>,
}

/// A piece of a body as Python gives it: bytes, or a path with the file's length.
#[derive(FromPyObject)]
enum PartArgument<'py> {
    Bytes(Bound<'py, PyBytes>),
    File(PathBuf, u64),
}

impl<'py> RequestOptions<'py> {
    pub(crate) fn of(given: Option<&Bound<'py, PyDict>>) -> PyResult<Self> {
        let mut options = Self::default();
        for (key, value) in given.into_iter().flatten() {
            match key.cast::<PyString>()?.to_str()? {
                "name" => options.name = value.extract()?,
                "group" => options.group = value.extract()?,
                "body" => options.body = Some(Body::Bytes(value.extract::<Vec<u8>>()?.into())),
                "parts" => options.body = Some(parts_of(&value)?),
                "content_type" => options.content_type = value.extract()?,
                "coding" => options.coding = value.extract()?,
                "headers" => options.headers = pairs_of(&value)?,
                "expect" => options.expect = value.extract()?,
                "timeout_s" => options.timeout = Some(duration_of(value.extract()?)?),
                "redirects" => options.redirects = value.extract()?,
                "retries" => options.retries = value.extract()?,
                "digest" => options.digest = value.extract()?,
                "discard" => options.discard = value.extract()?,
                "most_body" => options.most_body = value.extract()?,
                "tags" => options.tags = value.extract::<Option<BTreeMap<_, _>>>()?.into_iter().flatten().collect(),
                other => return Err(UsageError::new_err(format!("a request has no option {other}"))),
            }
        }
        if let (Some(coding), Some(Body::Bytes(bytes))) = (&options.coding, &options.body) {
            let coded = encode(bytes, coding).map_err(|error| UsageError::new_err(error.to_string()))?;
            options.body = Some(Body::Bytes(coded.into()));
        }
        Ok(options)
    }

    /// Headers beyond those of the session: what the body is, and what the script gave.
    pub(crate) fn own_headers(&self) -> PyResult<Vec<(HeaderName, HeaderValue)>> {
        let mut own = Vec::new();
        for (name, value) in [(CONTENT_TYPE, &self.content_type), (CONTENT_ENCODING, &self.coding)] {
            if let Some(value) = value {
                own.push((name, HeaderValue::try_from(value).map_err(|error| UsageError::new_err(error.to_string()))?));
            }
        }
        for header in &self.headers {
            own.push(parse_header(header)?);
        }
        Ok(own)
    }

    /// The rules of a request that has any.
    pub(crate) fn rules(&mut self, inflow: Option<Arc<Inflow>>) -> Option<Box<Rules>> {
        let plain = self.retries == 0 && self.digest.is_none() && !self.discard && self.most_body == 0 && inflow.is_none();
        let digest = self.digest.take();
        (!plain).then(|| Box::new(Rules { retries: self.retries, digest, discard: self.discard, most_body: self.most_body, inflow }))
    }
}

pub(crate) fn parse_header((name, value): &(String, String)) -> PyResult<(HeaderName, HeaderValue)> {
    let fault = || UsageError::new_err(format!("{name:?}: {value:?} is not a header that HTTP allows"));
    Ok((HeaderName::try_from(name).map_err(|_| fault())?, HeaderValue::try_from(value).map_err(|_| fault())?))
}

fn pairs_of(mapping: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    mapping.call_method0("items")?.try_iter()?.map(|item| item?.extract()).collect()
}

fn parts_of(parts: &Bound<'_, PyAny>) -> PyResult<Body> {
    let part = |part: PyResult<Bound<'_, PyAny>>| -> PyResult<Part> {
        Ok(match part?.extract()? {
            PartArgument::Bytes(bytes) => Part::Bytes(bytes.as_bytes().to_vec().into()),
            PartArgument::File(path, length) => Part::File(path, length),
        })
    };
    Ok(Body::Parts(parts.try_iter()?.map(part).collect::<PyResult<Vec<_>>>()?.into()))
}

fn duration_of(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| UsageError::new_err(format!("timeout {seconds} s is negative")))
}
