//! What texts may look like.

/// A rule for a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// For messages: "use …".
    pub(super) says: &'static str,
    holds: fn(&str) -> bool,
}

impl Rule {
    pub(super) fn admits(self, text: &str) -> bool {
        (self.holds)(text)
    }
}

pub(super) const REGION: Rule =
    Rule { says: "a-z 0-9 -", holds: |text| made_of(text, usize::MAX, |c| matches!(c, 'a'..='z' | '0'..='9' | '-')) };

pub(super) const NAME: Rule = Rule { says: "1 to 32 of A-Z a-z 0-9 _ -", holds: |text| made_of(text, 32, is_of_name) };

/// Shorter than other names: it is part of the name that consumers type, `<region>.<name>.<id>`.
pub(super) const SERVICE_NAME: Rule =
    Rule { says: "1 to 16 of A-Z a-z 0-9 _ -", holds: |text| made_of(text, 16, is_of_name) };

pub(super) const DOMAIN: Rule = Rule {
    says: "1 to 64 of A-Z a-z 0-9 -",
    holds: |text| made_of(text, 64, |c| c.is_ascii_alphanumeric() || c == '-'),
};

/// Linux's `dev_valid_name`, and no bytes that a terminal can't show.
pub(super) const INTERFACE: Rule = Rule {
    says: "1 to 15 visible ASCII characters without / and :, but not . or ..",
    holds: |text| made_of(text, 15, |c| c.is_ascii_graphic() && c != '/' && c != ':') && text != "." && text != "..",
};

/// A DNS name or an IP address, as certificates have them.
pub(super) const HOST: Rule = Rule {
    says: "a DNS name or an IP address",
    holds: |text| {
        let is_label = |label: &str| {
            made_of(label, 63, |c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        text.parse::<std::net::IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(is_label))
    },
};

/// A file's.
pub(super) const PATH: Rule =
    Rule { says: "an absolute path, such as /etc/vpce/api.crt", holds: |text| text.starts_with('/') };

/// Guide §2.2.2.
pub(super) const TAG_KEY: Rule = Rule {
    says: r"1 to 36 characters, none of = * < > \ , | / and no space at either end",
    holds: |text| is_of_tag(text, 36),
};

/// Guide §2.2.2.
pub(super) const TAG_VALUE: Rule = Rule {
    says: r"1 to 43 characters, none of = * < > \ , | / and no space at either end",
    holds: |text| is_of_tag(text, 43),
};

fn made_of(text: &str, most: usize, allowed: impl Fn(char) -> bool) -> bool {
    (1..=most).contains(&text.chars().count()) && text.chars().all(allowed)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn is_of_tag(text: &str, most: usize) -> bool {
    made_of(text, most, |c| !r"=*<>\,|/".contains(c)) && text.trim() == text
}
