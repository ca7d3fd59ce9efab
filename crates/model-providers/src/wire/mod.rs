//! The languages of the vendors: how a question is written and how its answer is read.
//!
//! Nothing above this module knows a vendor's field names, so a new vendor is one file here.

mod form;

pub(crate) use form::{Form, Forms};

use reqwest::header::{HeaderName, HeaderValue};

use crate::Endpoint;

/// What is wrong with an endpoint, if anything; said without its secrets.
pub(crate) fn check(endpoint: &Endpoint) -> Result<(), String> {
    let url = &endpoint.base_url;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("its base_url is not an http or https address".to_owned());
    }
    for (name, value) in &endpoint.headers {
        let named = HeaderName::try_from(name.as_str());
        named.map_err(|_| format!("{name:?} is not a header's name"))?;
        let valued = HeaderValue::try_from(value.as_str());
        valued.map_err(|_| format!("the value of the header {name:?} cannot be sent"))?;
    }
    let key = endpoint.api_key.as_ref().map_or("", |key| key.expose());
    HeaderValue::try_from(key)
        .map(|_| ())
        .map_err(|_| "its key holds characters that cannot be sent".to_owned())
}
