//! Templates: texts that contain `{{ name }}`, where `name` is a variable of the application.

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
    /// Parses a template. The error text describes the problem.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            let Some((name, after)) = after.split_once("}}") else {
                return Err("`{{` without `}}`; expected {{ variable }}".to_owned());
            };
            let name = name.trim();
            if name.is_empty() {
                return Err("`{{ }}` without a name; expected {{ variable }}".to_owned());
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

    /// The names of the variables, in the order in which the template contains them.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(*name),
            Part::Text(_) => None,
        })
    }

    /// Replaces each variable by its value; `None` if `value` returns `None` for a variable.
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
    fn fill_replaces_every_variable_and_keeps_all_other_text() {
        let template = Template::parse("http://{{host}}:{{ port }}/}}").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["host", "port"]);
        let filled = template.fill(|name| Some(if name == "host" { "a" } else { "1" }));
        assert_eq!(filled.as_deref(), Some("http://a:1/}}"));
    }

    #[test]
    fn unclosed_and_empty_braces_are_rejected() {
        assert!(Template::parse("a {{ b").unwrap_err().contains("without"));
        assert!(
            Template::parse("a {{ }}")
                .unwrap_err()
                .contains("without a name")
        );
    }
}
