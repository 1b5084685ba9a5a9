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
use http::{HeaderMap, StatusCode};
use keyward_engine::{ImportDefaults, ImportFile, ImportFormat, ImportNote, Imported};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

/// The largest import.
const MOST_BYTES: usize = 48 << 20;
/// The most keys of one. Some bytes of each are in memory while it is checked.
const MOST_KEYS: usize = 400_000;
/// Imports at once: each holds its whole file in memory.
static IMPORTS: Semaphore = Semaphore::const_new(1);

/// How the file is written, and what counts where it says nothing.
#[derive(Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// What the file is; absent is `csv` or `jsonl`, as the Content-Type says. `nginx-map` comes as `text/plain`, `kong` and
    /// `unkey` as `application/json`, also several pages in one file.
    #[param(value_type = Option<ImportFormatWord>)]
    format: Option<ImportFormat>,
    /// The owner (id or e-mail) of keys for which the file names none.
    owner: Option<String>,
    /// The use case of keys for which the file names none.
    use_case: Option<String>,
    /// The sites of keys for which the file names none, separated by commas; absent is every site.
    #[param(value_type = Option<String>)]
    sites: Option<Vec<String>>,
    /// Whether everything is checked and nothing written.
    dry_run: Option<bool>,
}

impl Decode for ImportQuery {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            format: fields.parsed("format", str::parse::<ImportFormat>),
            owner: fields.text("owner"),
            use_case: fields.text("use_case"),
            sites: fields
                .text("sites")
                .map(|sites| sites.split(',').map(str::to_owned).collect()),
            dry_run: fields.query_bool("dry_run"),
        }
    }
}

/// What an import did.
#[derive(Serialize, ToSchema)]
#[schema(as = Imported)]
pub(crate) struct ImportedWire {
    /// Keys that were added; of a dry run: that could be.
    #[schema(value_type = u64)]
    keys: usize,
    /// What was not taken over, or is good to know; absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notes: Vec<ImportNoteWire>,
}

/// Something that was not taken over, or that is good to know.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportNote)]
pub(crate) struct ImportNoteWire {
    /// Where it stands, such as `line 3` or `/data/0`; of several places, the first.
    place: String,
    /// The field, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    /// What is to be known.
    message: &'static str,
    /// At how many places.
    #[schema(value_type = u64)]
    times: usize,
}

impl From<Imported> for ImportedWire {
    fn from(imported: Imported) -> Self {
        let note = |note: ImportNote| ImportNoteWire {
            place: note.place.to_string(),
            field: note.field,
            message: note.message,
            times: note.times,
        };
        Self {
            keys: imported.keys,
            notes: imported.notes.into_iter().map(note).collect(),
        }
    }
}

/// Import keys of another system
///
/// All or nothing; every fault names its line, or its place in the JSON. Columns: `owner`, `name`, and `secret` or `fingerprint` (SHA-256), and,
/// if wanted, `hint`, `description`, `use_case`, `expires_at`, `sites`, `addresses`, `limit`, `status`. What nginx, Kong and
/// Unkey hold is taken as they write it. Admins only.
#[utoipa::path(post, path = "/v1/keys/import", tag = "keys", params(ImportQuery),
    request_body(content(
        (String = "text/csv", example = "owner,name,secret,sites,limit\nada@example.com,First key,abcdef123456,123;456,60\n"),
        (String = "application/jsonl", example = "{\"owner\":\"ada@example.com\",\"name\":\"First key\",\"secret\":\"abcdef123456\",\"sites\":{\"only\":[\"123\"]}}\n"),
        (String = "application/x-ndjson", example = "{\"owner\":\"ada@example.com\",\"name\":\"First key\",\"secret\":\"abcdef123456\"}\n"),
        (String = "text/plain", example = "\"abcdef123456\" \"First key\";\n"),
        (String = "application/json", example = "{\"data\":[{\"key\":\"abcdef123456\",\"consumer\":{\"id\":\"ada\"}}],\"next\":null}\n"))),
    responses((status = 200, body = ImportedWire)))]
pub(crate) async fn import_keys(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Answer {
    // Whoever may not import is refused by the engine before it looks at the file, so neither the query nor the file is read.
    let (query, format, text, permit) = if actor.is_admin() {
        let query = query.whole()?;
        let format = format_of(query.format, request.headers())?;
        let permit = IMPORTS.acquire().await.ok();
        (query, format, read_file(request).await?, permit)
    } else {
        (
            ImportQuery::default(),
            ImportFormat::Csv,
            Zeroizing::default(),
            None,
        )
    };
    let file = ImportFile {
        format,
        text,
        most: Some(MOST_KEYS),
        defaults: ImportDefaults {
            owner: query.owner,
            use_case: query.use_case,
            sites: query.sites,
            ..ImportDefaults::default()
        },
        dry_run: query.dry_run.unwrap_or(false),
    };
    let engine = Arc::clone(&app.engine);
    // A caller who goes away leaves no half of it behind that stands in the way of the next try.
    let work = tokio::spawn(async move {
        let _permit = permit;
        engine.import_keys(&actor, file, &|_, _| {}).await
    });
    let imported = work.await.map_err(|error| {
        let why = error.to_string();
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(&why)
    })??;
    Ok(answer(StatusCode::OK, &ImportedWire::from(imported)))
}

/// The forms that a Content-Type can stand for; the first is meant when no other is asked for.
const TYPES: [(&str, &[ImportFormat]); 5] = [
    ("text/csv", &[ImportFormat::Csv]),
    ("application/jsonl", &[ImportFormat::JsonLines]),
    ("application/x-ndjson", &[ImportFormat::JsonLines]),
    ("text/plain", &[ImportFormat::NginxMap]),
    ("application/json", &[ImportFormat::Kong, ImportFormat::Unkey]),
];

/// The form of the file, by its Content-Type and by what is asked for. The forms of other systems have to be asked for.
fn format_of(asked: Option<ImportFormat>, headers: &HeaderMap) -> Result<ImportFormat, Problem> {
    let of_type = TYPES
        .iter()
        .find(|(name, _)| check_type(headers, &[name]).is_ok());
    match (of_type, asked) {
        (Some((_, forms)), Some(asked)) if forms.contains(&asked) => Ok(asked),
        (Some((_, [form @ (ImportFormat::Csv | ImportFormat::JsonLines), ..])), None) => Ok(*form),
        (Some(_), Some(_)) => Err(refused_type("`format` and Content-Type say different things.")),
        (None, Some(_)) => {
            check_type(headers, &TYPES.map(|(name, _)| name))?;
            Err(refused_type("`format` and Content-Type say different things."))
        }
        (_, None) => {
            check_type(
                headers,
                &["text/csv", "application/jsonl", "application/x-ndjson"],
            )?;
            Err(refused_type("Say what the file is: `format`."))
        }
    }
}

fn refused_type(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}

async fn read_file(request: Request) -> Result<Zeroizing<String>, Problem> {
    let bytes = read_bytes(request, MOST_BYTES).await?;
    match String::from_utf8(bytes) {
        Ok(file) => Ok(Zeroizing::new(file)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = Zeroizing::new(error.into_bytes());
            let line = bytes.iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
            let detail = format!("Line {line} of the file is not UTF-8.");
            Err(Problem::bad_request("malformed_file", detail))
        }
    }
}
