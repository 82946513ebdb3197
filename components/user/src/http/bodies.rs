//! The bodies of the requests, as the handlers decode them.

use serde::{Deserialize, Deserializer};

use crate::password::Password;

/// The body of `POST /user/register`. The values are not checked yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// The e-mail address.
    pub(super) email: String,
    /// The password.
    pub(super) password: Password,
    /// The name for the salutation in messages.
    pub(super) name: String,
}

/// The body of `POST /user/login`. The values are not checked yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// The e-mail address.
    pub(super) email: String,
    /// The password.
    pub(super) password: Password,
}

/// The body of `PATCH /user/me`. An absent field keeps its value, and `"phone": null` removes the phone number.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProfileChange {
    /// The new name; `None` keeps the name.
    #[serde(deserialize_with = "deserialize_present")]
    pub(super) name: Option<String>,
    /// The new phone number. `Some(None)` removes the number, and `None` keeps it.
    #[serde(deserialize_with = "deserialize_present")]
    pub(super) phone: Option<Option<String>>,
}

/// Deserializes a field that is present, so that `Some(None)` means null. For an absent field serde uses the default instead.
fn deserialize_present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    input: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_field_is_not_null() {
        let change = |json: &str| serde_json::from_str::<ProfileChange>(json);
        assert_eq!(change("{}").unwrap().phone, None);
        assert_eq!(change(r#"{"phone":null}"#).unwrap().phone, Some(None));
        assert!(change(r#"{"phone":"+1"}"#).unwrap().phone.is_some());
        for bad in [
            r#"{"name":null}"#,
            r#"{"email":"a@b"}"#,
            r#"{"name":"a","name":"b"}"#,
        ] {
            assert!(change(bad).is_err(), "{bad}");
        }
    }
}
