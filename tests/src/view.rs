//! What `vpcectl -o json` told, or another tool that speaks JSON.

use serde_json::Value;

/// A resource, or a part of one, as it was printed.
#[derive(Clone, Debug, PartialEq)]
pub struct View(Value);

impl View {
    /// Reads what was printed.
    ///
    /// # Errors
    /// When that is no JSON, what it is.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map(Self).map_err(|error| format!("{error} in:\n{text}"))
    }

    /// The value at a path like `connections.open`.
    #[must_use]
    pub fn at(&self, path: &str) -> &Value {
        let pointer = format!("/{}", path.replace('.', "/"));
        self.0.pointer(&pointer).unwrap_or_else(|| panic!("no {path} in {self}"))
    }

    /// The part at a path.
    #[must_use]
    pub fn part(&self, path: &str) -> Self {
        Self(self.at(path).clone())
    }

    /// The number at a path.
    #[must_use]
    pub fn number(&self, path: &str) -> u64 {
        self.at(path).as_u64().unwrap_or_else(|| panic!("{path} is no number in {self}"))
    }

    /// The text at a path.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_else(|| panic!("{path} is no text in {self}"))
    }

    /// The names in a list of resources.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let list = self.0.as_object().and_then(|whole| whole.values().next()).and_then(Value::as_array);
        let list = list.unwrap_or_else(|| panic!("no list in {self}"));
        list.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// All drops together, whatever their reasons.
    #[must_use]
    pub fn drops(&self) -> u64 {
        let drops = self.at("drops").as_object().expect("drops by reason");
        drops.values().map(|count| count.as_u64().expect("a count")).sum()
    }
}

impl std::fmt::Display for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}
