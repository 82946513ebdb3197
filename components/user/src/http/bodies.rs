//! The bodies of requests.

use serde::{Deserialize, Deserializer};

use crate::password::Password;

/// `POST /user/register`, as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// The e-mail address.
    pub(super) email: String,
    /// The password.
    pub(super) password: Password,
    /// The name for the salutation.
    pub(super) name: String,
}

/// `POST /user/login`, as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// The e-mail address.
    pub(super) email: String,
    /// The password.
    pub(super) password: Password,
}

/// `PATCH /user/me`: an absent field stays as it is, `"phone": null` removes the number.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProfileChange {
    /// The new name.
    #[serde(deserialize_with = "present")]
    pub(super) name: Option<String>,
    /// The new number, or null to remove it.
    #[serde(deserialize_with = "present")]
    pub(super) phone: Option<Option<String>>,
}

/// Runs only for a field that is present, null included.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
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
