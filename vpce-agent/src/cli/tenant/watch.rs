//! `vpcectl watch`: the table, then a line for each change.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Args;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Of, Resource, list};
use crate::{
    cli::{
        CliError,
        output::{Column, Output, print},
        session::Session,
    },
    model::resource::{
        Time,
        answer::{EndpointDetails, ServiceDetails},
    },
};

/// What is watched.
#[derive(Debug, Args)]
pub(in crate::cli) struct Watch {
    /// What they are.
    of: Of,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value = "1")]
    interval: f32,
}

impl Watch {
    /// Prints until nobody reads any more.
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<(), CliError> {
        match self.of {
            Of::Service => self.watch::<ServiceDetails>(session).await,
            Of::Endpoint => self.watch::<EndpointDetails>(session).await,
        }
    }

    async fn watch<T: Resource>(&self, session: &Session) -> Result<(), CliError> {
        let interval = Duration::try_from_secs_f32(self.interval.max(0.1)).unwrap_or(Duration::MAX);
        let columns = T::columns(session.output.is_wide());
        let mut before = by_id(session.all::<T>().await?);
        if !print(&list::shown(session, &before.values().cloned().collect::<Vec<_>>())?)? {
            return Ok(());
        }
        loop {
            sleep(interval).await;
            let now = by_id(session.all::<T>().await?);
            for change in changes(&columns, &before, &now) {
                if !print(&change.line(session.output)?)? {
                    return Ok(());
                }
            }
            before = now;
        }
    }
}

/// What became of one.
struct Change<'t, T> {
    one: &'t T,
    does: &'static str,
    /// What differs, for people.
    how: String,
}

impl<T: Resource> Change<'_, T> {
    fn line(&self, output: Output) -> Result<String, CliError> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (at, does) = (Time(at), self.does);
        if output.is_text() {
            return Ok(format!("{at}  {does:<7}  {} {}{}", T::KIND, self.one.title(), self.how));
        }
        let told = json!({ "at": at, "change": does, T::KIND: self.one });
        if output == Output::Json {
            Ok(told.to_string())
        } else {
            Ok(format!("---\n{}", output.show(&told, String::new)?))
        }
    }
}

fn by_id<T: Resource>(all: Vec<T>) -> BTreeMap<Uuid, T> {
    all.into_iter().map(|one| (one.id(), one)).collect()
}

fn changes<'t, T: Resource>(
    columns: &[Column<T>],
    before: &'t BTreeMap<Uuid, T>,
    now: &'t BTreeMap<Uuid, T>,
) -> Vec<Change<'t, T>> {
    let gone = before.iter().filter(|(id, _)| !now.contains_key(id));
    let gone = gone.map(|(_, one)| Change { one, does: "deleted", how: String::new() });
    let here = now.iter().filter_map(|(id, one)| {
        let Some(old) = before.get(id) else {
            return Some(Change { one, does: "added", how: format!(": {}", one.state()) });
        };
        let differs = columns.iter().filter_map(|(header, cell)| {
            let (from, to) = (cell(old), cell(one));
            (from != to).then(|| format!("{} {from} -> {to}", header.to_lowercase()))
        });
        let how = differs.collect::<Vec<_>>().join(", ");
        (!how.is_empty()).then(|| Change { one, does: "changed", how: format!(": {how}") })
    });
    gone.chain(here).collect()
}
