//! Why a request has no answer, and what whoever asked can do about it.
//!
//! Every error of the API has this one shape, whoever finds it. Knows nothing of routes.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::store::StoreError;

/// When to come again, in seconds.
pub(super) const LATER: u32 = 1;

/// What is said instead of an answer.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// `{"error":{"code":"…","message":"…"}}`
#[derive(Debug, Serialize)]
pub struct ErrorAnswer {
    pub error: ErrorBody,
}

#[derive(Debug, Serialize)]
pub struct ErrorBody {
    pub code: &'static str,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// What was asked is not understood.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// What was asked for is not there.
    pub(crate) fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (status, code) = match error.may_pass() {
            true => (StatusCode::SERVICE_UNAVAILABLE, "store_busy"),
            false => (StatusCode::INTERNAL_SERVER_ERROR, "store_failed"),
        };
        Self::new(status, code, format!("{error}; {}", error.help()))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = ErrorBody {
            code: self.code,
            message: self.message,
        };
        let mut answer = (self.status, Json(ErrorAnswer { error })).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, LATER.into());
        }
        answer
    }
}
