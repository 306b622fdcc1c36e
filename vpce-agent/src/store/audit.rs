//! The audit log: who did what, each record chained to the one before it by a hash.

use std::path::Path;

use rusqlite::{Connection, Row, named_params, params};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::StoreError;

/// SHA-256 of the hash before, then of the record with its number as JSON: members in the order of
/// [`Chained`], no white space.
type Hash = [u8; 32];

/// What somebody did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    /// When: Unix seconds.
    pub at: u64,
    /// The tenant.
    pub domain: String,
    /// Its project.
    pub project: String,
    /// Who.
    pub user: String,
    /// What.
    pub action: String,
    /// To what: usually an id.
    pub target: String,
    /// How it ended: `ok`, or the code of the error.
    pub result: String,
    /// Of which request.
    pub request_id: String,
}

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number, from 1 on, without gaps.
    pub seq: u64,
    /// What it says.
    pub record: Record,
    /// Holds it to all records before it.
    pub hash: [u8; 32],
}

/// Which records to read; what is `None` is not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the member of that name in a record")]
pub struct Filter {
    pub domain: Option<String>,
    pub project: Option<String>,
    pub user: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    pub result: Option<String>,
    pub request_id: Option<String>,
    /// Only records with lower numbers: for the next page.
    pub before: Option<u64>,
}

/// Reads the log, while the store's owner goes on.
pub trait Audit: Send + Sync {
    /// As [`Store::records`](super::Store::records).
    ///
    /// # Errors
    /// When the store can't be read.
    fn records(&self, filter: &Filter, limit: usize) -> Result<Vec<Recorded>, StoreError>;
}

/// What a hash is of, beside the hash before it.
#[derive(Serialize)]
struct Chained<'r> {
    seq: u64,
    #[serde(flatten)]
    record: &'r Record,
}

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

impl End {
    /// Where an empty log ends.
    const NONE: Self = Self { seq: 0, hash: [0; 32] };

    /// Where the log ends with one more record.
    fn with(self, record: &Record) -> Self {
        let seq = self.seq + 1;
        let json = serde_json::to_vec(&Chained { seq, record }).expect("a record of numbers and text is JSON");
        Self { seq, hash: Sha256::new().chain_update(self.hash).chain_update(json).finalize().into() }
    }
}

/// Appends records; answers where the log ends then.
pub(super) fn append(connection: &Connection, mut end: End, records: &[Record]) -> rusqlite::Result<End> {
    let mut insert = connection.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for record in records {
        end = end.with(record);
        let Record { at, domain, project, user, action, target, result, request_id } = record;
        let (seq, at) = (end.seq.cast_signed(), at.cast_signed());
        insert.execute(params![seq, at, domain, project, user, action, target, result, request_id, end.hash])?;
    }
    Ok(end)
}

/// Records that pass the filter, the newest first.
pub(super) fn read(connection: &Connection, filter: &Filter, limit: usize) -> rusqlite::Result<Vec<Recorded>> {
    let mut select = connection.prepare_cached(
        "SELECT * FROM audit WHERE seq < coalesce(:before, seq + 1)
            AND domain = coalesce(:domain, domain) AND project = coalesce(:project, project)
            AND user = coalesce(:user, user) AND action = coalesce(:action, action)
            AND target = coalesce(:target, target) AND result = coalesce(:result, result)
            AND request_id = coalesce(:request_id, request_id)
            ORDER BY seq DESC LIMIT :limit",
    )?;
    let Filter { domain, project, user, action, target, result, request_id, before } = filter;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let parameters = named_params! {
        ":before": before.map(u64::cast_signed), ":domain": domain, ":project": project, ":user": user,
        ":action": action, ":target": target, ":result": result, ":request_id": request_id, ":limit": limit,
    };
    select.query_map(parameters, recorded)?.collect()
}

/// Walks the whole log; answers how many records there are.
pub(super) fn verify(connection: &Connection, path: &Path, head: End) -> Result<u64, StoreError> {
    let of = |error| StoreError::of(path, error);
    let mut select = connection.prepare("SELECT * FROM audit ORDER BY seq").map_err(of)?;
    let mut end = End::NONE;
    for found in select.query_map([], recorded).map_err(of)? {
        let found = found.map_err(of)?;
        let next = end.with(&found.record);
        if (found.seq, found.hash) != (next.seq, next.hash) {
            return Err(StoreError::Chain { path: path.to_owned(), seq: next.seq });
        }
        end = next;
    }
    if end == head { Ok(end.seq) } else { Err(StoreError::Chain { path: path.to_owned(), seq: end.seq + 1 }) }
}

fn recorded(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    let record = Record {
        at: row.get::<_, i64>("at")?.cast_unsigned(),
        domain: row.get("domain")?,
        project: row.get("project")?,
        user: row.get("user")?,
        action: row.get("action")?,
        target: row.get("target")?,
        result: row.get("result")?,
        request_id: row.get("request_id")?,
    };
    Ok(Recorded { seq: row.get::<_, i64>("seq")?.cast_unsigned(), record, hash: row.get("hash")? })
}
