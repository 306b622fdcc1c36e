//! A request as far as a signature covers it.

/// The connection that a request came on: the same number, the same peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin(pub u64);

/// A request as it came, nothing decoded.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Upper case.
    pub method: &'r str,
    /// The path, percent-encoded as it came.
    pub path: &'r str,
    /// What is behind the `?`, or nothing.
    pub query: &'r str,
    /// Names in lower case, with their values; of HTTP/2 `:authority` as `host`.
    pub headers: &'r [(&'r str, &'r [u8])],
    /// The whole body.
    pub body: &'r [u8],
    /// Where it came from.
    pub origin: Origin,
}

impl<'r> Request<'r> {
    /// The values of a header, by its name in lower case.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.headers.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.trim_ascii())
    }

    /// The value of a header that must be there at most once; of several, how many.
    pub(super) fn value(&self, name: &str) -> Result<Option<&'r [u8]>, usize> {
        let mut values = self.values(name);
        let value = values.next();
        match values.count() {
            0 => Ok(value),
            more => Err(more + 1),
        }
    }

    /// Whether to ask it twice is the same as once.
    pub(super) fn reads(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }
}
