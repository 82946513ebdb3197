//! The keys for tokens. The first key signs, and all keys are published, so other services accept tokens of every key.
//!
//! Several keys make a rotation possible: a new key is published before it signs, and an old key stays published until its last
//! token has expired.

use serde::Serialize;

use crate::keys::{Jwk, KeyError, SigningKey};

/// The maximum number of keys. A rotation needs two keys, or three if the previous rotation has not ended. The number has a limit,
/// because every request reads all keys, and reading one key takes about 2 ms.
pub const MAX_KEYS: usize = 4;

/// The beginning of the first line of a PEM block.
const BLOCK_START: &str = "-----BEGIN ";

/// One or more keys with different ids.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    first: SigningKey,
    others: Vec<SigningKey>,
}

/// The key set: the body of the response to `GET /user/jwks`.
#[derive(Debug, Serialize)]
pub struct KeySet<'a> {
    keys: Vec<&'a Jwk>,
}

/// An error in a text with several keys. The error never shows a key. Blocks are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum KeysFault {
    /// The text does not contain a PEM block.
    #[error(
        "there is no PEM block; expected 1 to {MAX_KEYS} EC keys on P-256 (prime256v1), each as a block of PKCS#8 PEM"
    )]
    NoBlock,
    /// There is text before the first block.
    #[error("there is text before the first PEM block; expected only PEM blocks")]
    TextBeforeBlocks,
    /// A block cannot be read.
    #[error("PEM block {number} of {count}: {cause}")]
    Unreadable {
        /// The number of the block.
        number: usize,
        /// The number of all blocks.
        count: usize,
        /// The reason.
        cause: KeyError,
    },
    /// Two blocks contain the same key.
    #[error(
        "PEM block {number} of {count}: this is the key of block {first} again; expected different keys"
    )]
    Repeated {
        /// The number of the second block.
        number: usize,
        /// The number of all blocks.
        count: usize,
        /// The number of the first block with this key.
        first: usize,
    },
    /// There are more than [`MAX_KEYS`] blocks.
    #[error("there are {0} PEM blocks; expected 1 to {MAX_KEYS}")]
    TooMany(usize),
}

impl From<SigningKey> for SigningKeys {
    fn from(key: SigningKey) -> Self {
        Self {
            first: key,
            others: Vec::new(),
        }
    }
}

impl SigningKeys {
    /// Reads one or more blocks of PKCS#8 PEM, one after another. The error lists all faults.
    pub fn from_pem(text: &str) -> Result<Self, Vec<KeysFault>> {
        // A variable that was written on one line of a file or shell contains `\n` (two characters) in place of each line end.
        let text = text.replace("\\n", "\n");
        let (before, blocks) = split_blocks(&text);
        let count = blocks.len();
        if count == 0 {
            return Err(vec![KeysFault::NoBlock]);
        }
        if count > MAX_KEYS {
            return Err(vec![KeysFault::TooMany(count)]);
        }
        let mut faults = Vec::new();
        if !before.trim().is_empty() {
            faults.push(KeysFault::TextBeforeBlocks);
        }
        let mut keys: Vec<(usize, SigningKey)> = Vec::new();
        for (number, block) in (1..).zip(blocks) {
            match SigningKey::from_pem(block) {
                Ok(key) => match keys.iter().find(|(_, known)| known.kid() == key.kid()) {
                    Some(&(first, _)) => faults.push(KeysFault::Repeated {
                        number,
                        count,
                        first,
                    }),
                    None => keys.push((number, key)),
                },
                Err(cause) => faults.push(KeysFault::Unreadable {
                    number,
                    count,
                    cause,
                }),
            }
        }
        let mut keys = keys.into_iter().map(|(_, key)| key);
        match keys.next() {
            Some(first) if faults.is_empty() => Ok(Self {
                first,
                others: keys.collect(),
            }),
            _ => Err(faults),
        }
    }

    /// Returns the key that signs tokens.
    pub fn signing_key(&self) -> &SigningKey {
        &self.first
    }

    /// Returns the key with this id.
    pub fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.iter().find(|key| key.kid() == kid)
    }

    /// Returns the key set, which contains only the public keys. The first key is the key that signs.
    pub fn key_set(&self) -> KeySet<'_> {
        KeySet {
            keys: self.iter().map(SigningKey::jwk).collect(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// Splits a text before each PEM block. Returns the text before the first block, and the blocks. Text after a block belongs to this
/// block, so that the block is not valid.
fn split_blocks(text: &str) -> (&str, Vec<&str>) {
    let (mut rest, mut blocks) = (text, Vec::new());
    while let Some((before, block)) = rest.rfind(BLOCK_START).map(|start| rest.split_at(start)) {
        rest = before;
        blocks.push(block);
    }
    blocks.reverse();
    (rest, blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// New keys, and the PEM block of each key.
    fn generate(count: usize) -> (Vec<SigningKey>, Vec<String>) {
        let keys = (0..count).map(|_| SigningKey::generate().unwrap());
        let keys: Vec<_> = keys.collect();
        let blocks = keys.iter().map(|key| key.to_pem().unwrap()).collect();
        (keys, blocks)
    }

    fn faults(text: &str) -> Vec<String> {
        let faults = SigningKeys::from_pem(text).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_first_key_signs_and_all_keys_are_found_and_published_in_their_order() {
        for count in 1..=MAX_KEYS {
            let (keys, blocks) = generate(count);
            let ids: Vec<_> = keys.iter().map(SigningKey::kid).collect();
            let cut_last_line_end = |block: &String| block.trim_end().to_owned();
            for text in [
                blocks.concat(),
                format!("\n {}\n\n", blocks.join("\n\n")),
                blocks.concat().replace('\n', "\r\n"),
                blocks.concat().replace('\n', "\\n"),
                // `cat` of files without a line end at the end puts two blocks on one line.
                blocks.iter().map(cut_last_line_end).collect(),
            ] {
                let read = SigningKeys::from_pem(&text).unwrap();
                assert_eq!(read.signing_key().kid(), ids[0]);
                let set = serde_json::to_value(read.key_set()).unwrap();
                let published = set["keys"].as_array().unwrap().iter();
                let published: Vec<_> = published.map(|key| key["kid"].as_str().unwrap()).collect();
                assert_eq!(published, ids, "{text}");
                assert!(ids.iter().all(|kid| read.find(kid).unwrap().kid() == *kid));
                assert!(read.find("unknown").is_none());
            }
        }
    }

    #[test]
    fn every_unreadable_block_is_named_and_none_is_shown() {
        let (_, blocks) = generate(2);
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        let found = faults(&format!("{}{sec1}{}{sec1}", blocks[0], blocks[1]));
        assert_eq!(found.len(), 2, "{found:?}");
        for (fault, place) in found.iter().zip(["block 2 of 4: ", "block 4 of 4: "]) {
            assert!(fault.contains(place) && fault.contains("SEC1"), "{fault}");
            assert!(!fault.contains("AAAA"), "{fault}");
        }
    }

    #[test]
    fn text_outside_of_a_block_is_an_error_that_names_its_place() {
        let (_, blocks) = generate(2);
        for (text, place) in [
            (
                format!("secret\n{}{}", blocks[0], blocks[1]),
                "text before the first PEM block",
            ),
            (
                format!("{}secret\n{}", blocks[0], blocks[1]),
                "block 1 of 2",
            ),
            (format!("{}{}secret", blocks[0], blocks[1]), "block 2 of 2"),
            // A block without its last line.
            (
                format!(
                    "{}{}",
                    blocks[0].replace("-----END PRIVATE KEY-----\n", ""),
                    blocks[1]
                ),
                "block 1 of 2",
            ),
        ] {
            let found = faults(&text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(place), "{found:?}");
            assert!(!found[0].contains("secret"), "{found:?}");
        }
    }

    #[test]
    fn a_repeated_key_is_an_error_that_names_both_blocks() {
        let (_, blocks) = generate(2);
        let found = faults(&format!("{}{}{}", blocks[0], blocks[1], blocks[0]));
        let expected =
            "PEM block 3 of 3: this is the key of block 1 again; expected different keys";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn more_than_four_keys_are_an_error() {
        let (_, blocks) = generate(MAX_KEYS + 1);
        let found = faults(&blocks.concat());
        assert_eq!(found, ["there are 5 PEM blocks; expected 1 to 4"]);
    }

    #[test]
    fn a_text_without_a_block_is_an_error_that_names_the_format() {
        for text in [" \n", "secret", "-----END PRIVATE KEY-----"] {
            let found = faults(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains("no PEM block") && found[0].contains("P-256"));
            assert!(!found[0].contains("secret"), "{found:?}");
        }
    }
}
