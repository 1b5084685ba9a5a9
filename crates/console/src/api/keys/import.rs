//! `POST /v1/keys/import`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::{Query, check_type, read_bytes};
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::problem::Problem;
use crate::wire::ImportFormatWord;
use axum::extract::{Request, State};
use http::StatusCode;
use keyward_engine::ImportFormat;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

/// The largest import.
const MOST_BYTES: usize = 64 << 20;
/// Imports at once: each holds its whole file in memory.
static IMPORTS: Semaphore = Semaphore::const_new(2);

/// How the file is written.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// `csv` or `jsonl`; absent is what the Content-Type says.
    #[param(value_type = Option<ImportFormatWord>)]
    format: Option<ImportFormat>,
}

impl Decode for ImportQuery {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            format: fields.parsed("format", str::parse::<ImportFormat>),
        }
    }
}

/// What an import did.
#[derive(Serialize, ToSchema)]
#[schema(as = Imported)]
pub(crate) struct ImportedWire {
    /// Keys that were added.
    keys: usize,
}

/// Import keys of another system
///
/// All or nothing; every fault names its line. Columns: `owner`, `name`, and `secret` or `fingerprint` (SHA-256), and,
/// if wanted, `hint`, `description`, `use_case`, `expires_at`, `sites`, `addresses`, `limit`, `status`. Admins only.
#[utoipa::path(post, path = "/v1/keys/import", tag = "keys", params(ImportQuery),
    request_body(content(
        (String = "text/csv", example = "owner,name,secret,sites,limit\nada@example.com,First key,abcdef123456,123;456,60\n"),
        (String = "application/jsonl", example = "{\"owner\":\"ada@example.com\",\"name\":\"First key\",\"secret\":\"abcdef123456\"}\n"),
        (String = "application/x-ndjson", example = "{\"owner\":\"ada@example.com\",\"name\":\"First key\",\"secret\":\"abcdef123456\"}\n"))),
    responses((status = 200, body = ImportedWire)))]
pub(crate) async fn import_keys(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Answer {
    // Whoever may not import is refused by the engine before it looks at the file, so the file is not read.
    let (format, file) = if actor.is_admin() {
        read_file(query.format, request).await?
    } else {
        (ImportFormat::Csv, String::new())
    };
    let imported = app.engine.import_keys(&actor, format, &file, &|_, _| {}).await?;
    Ok(answer(StatusCode::OK, &ImportedWire { keys: imported.keys }))
}

async fn read_file(asked: Option<ImportFormat>, request: Request) -> Result<(ImportFormat, String), Problem> {
    let headers = request.headers();
    let is_csv = check_type(headers, &["text/csv"]).is_ok();
    let types = ["text/csv", "application/jsonl", "application/x-ndjson"];
    check_type(headers, &types)?;
    let told = if is_csv {
        ImportFormat::Csv
    } else {
        ImportFormat::JsonLines
    };
    if asked.is_some_and(|asked| asked != told) {
        let detail = "`format` and Content-Type say different things.";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        ));
    }
    let _permit = IMPORTS.acquire().await;
    let bytes = read_bytes(request, MOST_BYTES).await?;
    let file = String::from_utf8(bytes.into()).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        Problem::bad_request("malformed_file", format!("Line {line} of the file is not UTF-8."))
    })?;
    Ok((told, file))
}
