//! Templates: text with `{{ name }}`, where `name` is a variable of the application.

/// A parsed template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

impl<'a> Template<'a> {
    /// Parses a template; the error describes what is malformed.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            let Some((name, after)) = after.split_once("}}") else {
                return Err("`{{` without `}}`; a template reads {{ variable }}".to_owned());
            };
            let name = name.trim();
            if name.is_empty() {
                return Err("`{{ }}` names no variable".to_owned());
            }
            parts.push(Part::Variable(name));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        Ok(Self { parts })
    }

    pub(crate) fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The variables in the template, in order.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(*name),
            Part::Text(_) => None,
        })
    }

    /// The text with each variable replaced; `None` if `value` returns none for a variable.
    pub(crate) fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Text(text) => text,
                Part::Variable(name) => value(name)?,
            });
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn fills_in_every_variable_and_keeps_the_rest() {
        let template = Template::parse("http://{{host}}:{{ port }}/}}").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["host", "port"]);
        let filled = template.fill(|name| Some(if name == "host" { "a" } else { "1" }));
        assert_eq!(filled.as_deref(), Some("http://a:1/}}"));
    }

    #[test]
    fn refuses_braces_that_are_not_closed_or_hold_nothing() {
        assert!(Template::parse("a {{ b").unwrap_err().contains("without"));
        assert!(
            Template::parse("a {{ }}")
                .unwrap_err()
                .contains("names no variable")
        );
    }
}
