//! Which one is meant by a name.

use super::CliError;

/// The place of the one of this name. `names` tells those that one has: its id first, what people call it last.
pub(super) fn pick<T>(
    kind: &'static str,
    all: &[T],
    names: impl Fn(&T) -> Vec<String>,
    wanted: &str,
) -> Result<usize, CliError> {
    let is_meant = |at: &usize| names(&all[*at]).iter().any(|name| name == wanted);
    let found: Vec<usize> = (0..all.len()).filter(is_meant).collect();
    match found[..] {
        [at] => Ok(at),
        [] => {
            let all: Vec<String> = all.iter().filter_map(|one| names(one).pop()).collect();
            Err(unknown(kind, wanted, all.iter().map(String::as_str)))
        }
        _ => {
            let ids: Vec<String> = found.into_iter().filter_map(|at| names(&all[at]).into_iter().next()).collect();
            Err(CliError::Ambiguous { kind, name: wanted.to_owned(), ids: ids.join(", ") })
        }
    }
}

/// Nothing is of that name, but these are there.
pub(super) fn unknown<'n>(kind: &'static str, name: &str, all: impl Iterator<Item = &'n str>) -> CliError {
    let all: Vec<&str> = all.collect();
    let known = if all.is_empty() { "there are none".to_owned() } else { format!("there are {}", all.join(", ")) };
    CliError::Unknown { kind, name: name.to_owned(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ALL: [(&str, &str); 3] = [("1", "web"), ("2", "db"), ("3", "db")];

    fn picked(wanted: &str) -> Result<&'static str, String> {
        let names = |(id, name): &(&str, &str)| vec![(*id).to_owned(), (*name).to_owned()];
        pick("service", &ALL, names, wanted).map(|at| ALL[at].0).map_err(|error| error.to_string())
    }

    #[test]
    fn one_is_found_by_its_id_and_by_a_name_that_no_other_has() {
        assert_eq!((picked("web"), picked("3")), (Ok("1"), Ok("3")));
    }

    #[test]
    fn a_name_of_two_is_told_with_their_ids() {
        let error = picked("db").unwrap_err();
        assert!(error.contains("more than one service: 2, 3; use the id"), "{error}");
    }

    #[test]
    fn a_name_of_none_is_told_with_what_there_is() {
        assert_eq!(picked("we").unwrap_err(), "there is no service \"we\"; there are web, db, db");
        let none = pick("endpoint", &[0; 0], |_| Vec::new(), "x").unwrap_err();
        assert_eq!(none.to_string(), "there is no endpoint \"x\"; there are none");
    }
}
