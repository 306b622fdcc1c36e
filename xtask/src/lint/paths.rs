//! The crates and top-level modules that a Rust file names.
//!
//! Read from its tokens: comments and strings do not count, paths inside macros do.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// The names by which the agent's files call their own crate.
const OWN_CRATE: [&str; 2] = ["crate", "vpce_agent"];

/// The beginning of a path.
#[derive(Debug, PartialEq)]
pub struct Name {
    /// Its first segment; or the next, where the first is the crate itself.
    pub first: String,
    /// Whether this is a module of the crate, not a library.
    pub of_crate: bool,
    /// Where it stands.
    pub line: usize,
}

/// What paths begin with in a file whose module is `depth` levels below the crate's root.
pub fn names(tokens: TokenStream, depth: usize) -> Vec<Name> {
    let mut names = Vec::new();
    collect(tokens, depth, &mut names);
    names
}

fn collect(tokens: TokenStream, depth: usize, names: &mut Vec<Name>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(first) if begins_path(&tokens[..at], &tokens[at + 1..]) => {
                path(first, &tokens[at + 1..], depth, names);
            }
            TokenTree::Group(group) => {
                let inline_module = at >= 2 && is_ident(&tokens[at - 2], "mod");
                collect(group.stream(), depth + usize::from(inline_module), names);
            }
            _ => {}
        }
    }
}

/// Whether an identifier between these tokens is a first segment: `aya` in `aya::maps` and in `use aya;`.
fn begins_path(before: &[TokenTree], after: &[TokenTree]) -> bool {
    match (before, after) {
        ([.., owner, a, b], _) if is_colons(a, b) => !matches!(owner, TokenTree::Ident(_)) && !is_punct(owner, '>'),
        (_, [a, b, ..]) if is_colons(a, b) => true,
        ([.., keyword], _) => is_ident(keyword, "use"),
        _ => false,
    }
}

fn path(first: &Ident, mut rest: &[TokenTree], depth: usize, names: &mut Vec<Name>) {
    let mut of_crate = OWN_CRATE.iter().any(|own| first == own);
    let mut supers = usize::from(first == "super");
    if !of_crate && supers == 0 {
        names.push(Name { first: first.to_string(), of_crate, line: first.span().start().line });
        return;
    }
    while let [a, b, after @ ..] = rest
        && is_colons(a, b)
    {
        of_crate |= supers == depth;
        match after {
            [TokenTree::Ident(next), tail @ ..] if next == "super" && !of_crate => {
                supers += 1;
                rest = tail;
                continue;
            }
            [TokenTree::Ident(next), ..] if of_crate => names.push(in_crate(next)),
            [TokenTree::Group(group), ..] if of_crate && group.delimiter() == Delimiter::Brace => {
                names.extend(heads(group.stream()).iter().map(in_crate));
            }
            _ => {}
        }
        break;
    }
}

fn in_crate(module: &Ident) -> Name {
    Name { first: module.to_string(), of_crate: true, line: module.span().start().line }
}

/// The first identifiers of a braced list: `a` and `b` of `{a::x, b}`.
fn heads(list: TokenStream) -> Vec<Ident> {
    let mut heads = Vec::new();
    let mut at_head = true;
    for token in list {
        if let TokenTree::Ident(ident) = &token
            && at_head
        {
            heads.push(ident.clone());
        }
        at_head = is_punct(&token, ',');
    }
    heads
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == punct)
}

fn is_colons(a: &TokenTree, b: &TokenTree) -> bool {
    is_punct(a, ':') && is_punct(b, ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_crate(text: &str, depth: usize) -> Vec<String> {
        let names = names(text.parse().expect("the sample is Rust"), depth);
        names.into_iter().filter(|name| name.of_crate).map(|name| name.first).collect()
    }

    fn libraries(text: &str) -> Vec<String> {
        let names = names(text.parse().expect("the sample is Rust"), 1);
        names.into_iter().filter(|name| !name.of_crate).map(|name| name.first).collect()
    }

    #[test]
    fn every_member_of_a_list_is_seen_and_nothing_below_it() {
        assert_eq!(of_crate("use crate::{app, maps::{store, net}, dns::x as y};", 1), ["app", "maps", "dns"]);
        assert_eq!(of_crate("use vpce_agent::cli::run;", 1), ["cli"]);
    }

    #[test]
    fn paths_in_code_and_macros_are_seen_and_comments_and_strings_are_not() {
        let text = "/// See [`crate::app`].\nfn f() { log!(\"crate::net\", crate::maps::len()) } // crate::dns";
        assert_eq!(of_crate(text, 1), ["maps"]);
    }

    #[test]
    fn climbing_to_the_root_counts_and_climbing_less_does_not() {
        assert_eq!(of_crate("use super::maps;", 1), ["maps"]);
        assert_eq!(of_crate("use super::maps;", 2), [""; 0]);
        assert_eq!(of_crate("use super::super::{maps, net};", 2), ["maps", "net"]);
        assert_eq!(of_crate("mod tests { use super::*; use super::super::maps; }", 1), ["maps"]);
    }

    #[test]
    fn a_library_is_what_a_path_begins_with() {
        assert_eq!(libraries("use aya; use tokio::net::aya;"), ["aya", "tokio"]);
        assert_eq!(libraries("fn f(tokio: u8) { ::aya::log(x.tokio, <T as Tr>::aya) }"), ["aya"]);
        assert_eq!(libraries("#[tokio::test] async fn t() {}"), ["tokio"]);
    }

    #[test]
    fn a_name_knows_its_line() {
        let names = names("use crate::{\n    app,\n};".parse().expect("the sample is Rust"), 1);
        assert_eq!(names, [Name { first: "app".into(), of_crate: true, line: 2 }]);
    }
}
