//! Words: text folded to ignore case and accents, split at every character that is not a letter or a digit.
//!
//! The index holds *terms*. A whole word ends with a space (`coffee `); a prefix of one does not (`c`, `co`, ...
//! `coffee`). So both are found by equality, and a prefix costs no more than a word. Each term has a second entry for
//! its category (`@tea/co`), so that a search in one category costs no more than a search in all of them.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::domain::Product;
use crate::error::Error;

/// The significant letters of a word; the rest is cut off, in the index and in searches.
pub const MAX_WORD: usize = 24;
/// The longest search, in bytes.
pub const MAX_SEARCH: usize = 200;
/// The most words of a search. Of a longer search, such as a pasted paragraph, the longest words count: they are the most specific.
/// Each word is a lookup for every row that is read.
pub const MAX_WORDS: usize = 16;
/// The significant characters of a name in the order of lists.
const MAX_KEY: usize = 64;

/// The weight of a term by its place in a product, as the index holds it: a higher weight is more relevant.
pub const IN_NAME: i64 = 2;
/// See [`IN_NAME`].
pub const IN_TEXT: i64 = 1;

/// Lower case, without accents: `Café Müller` -> `cafe muller`.
pub fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        // Conversion to lower case can add a combining mark of its own (the Turkish İ).
        .filter(|c| !is_combining_mark(*c))
        .fold(String::new(), |mut folded, c| {
            // Letters that are separate letters in Unicode, but that people type without their marks.
            match c {
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'đ' => folded.push('d'),
                'ı' => folded.push('i'),
                'ς' => folded.push('σ'),
                c => folded.push(c),
            }
            folded
        })
}

/// The words of a text, folded.
pub fn words(text: &str) -> Vec<String> {
    fold(text)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(MAX_WORD).collect())
        .collect()
}

/// The sort key of lists.
pub fn sort_key(name: &str) -> String {
    words(name).join(" ").chars().take(MAX_KEY).collect()
}

/// The term of a whole word.
fn whole(word: &str) -> String {
    format!("{word} ")
}

/// The term in one category. No word begins with `@`.
fn within(category: &str, term: &str) -> String {
    format!("@{category}/{term}")
}

/// The terms of a product, each with its highest weight.
pub fn terms_of(product: &Product) -> BTreeMap<String, i64> {
    let mut terms = BTreeMap::new();
    // In the order of weight: the first weight of a term stays.
    for (text, weight) in [
        (product.name.as_str(), IN_NAME),
        (product.sku.as_str(), IN_NAME),
        (product.category.as_str(), IN_TEXT),
        (product.description.as_str(), IN_TEXT),
    ] {
        for word in words(text) {
            let beginnings = word
                .char_indices()
                .map(|(start, c)| start + c.len_utf8())
                .filter_map(|end| word.get(..end));
            for beginning in beginnings {
                terms.entry(beginning.to_owned()).or_insert(weight);
            }
            terms.entry(whole(&word)).or_insert(weight);
        }
    }
    let scoped: Vec<_> = terms
        .iter()
        .map(|(term, weight)| (within(&product.category, term), *weight))
        .collect();
    terms.extend(scoped);
    terms
}

/// The terms that a product (of `category`, if one is given) must have to be found: every word, of which the last may
/// be a prefix.
pub fn search_terms(search: &str, category: Option<&str>) -> Result<Vec<String>, Error> {
    let quoted = stoa_service::text::shorten(search);
    if search.len() > MAX_SEARCH {
        return Err(Error::BadSearch(format!(
            "`{quoted}` is longer than {MAX_SEARCH} bytes"
        )));
    }
    let mut words = words(search);
    let Some(last) = words.pop() else {
        return Err(Error::BadSearch(format!(
            "`{quoted}` holds no letter and no digit"
        )));
    };
    words.sort();
    words.dedup();
    let last_is_new = !words.contains(&last);
    let mut terms: Vec<String> = words.iter().map(|word| whole(word)).collect();
    if last_is_new {
        terms.push(last);
    }
    // Stable: words of the same length keep their order.
    if terms.len() > MAX_WORDS {
        terms.sort_by_key(|term| std::cmp::Reverse(term.chars().count()));
        terms.truncate(MAX_WORDS);
    }
    Ok(match category {
        Some(category) => terms.iter().map(|term| within(category, term)).collect(),
        None => terms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_and_accents() {
        for (text, folded) in [
            ("Café Müller", "cafe muller"),
            ("CAFE\u{301}", "cafe"),
            ("Straße", "strasse"),
            ("Ægir Øre Łódź", "aegir ore lodz"),
            ("İstanbul ﬁn", "istanbul fin"),
            ("Ἀθῆναι", "αθηναι"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn a_search_is_whole_words_and_one_beginning() {
        assert_eq!(search_terms("Crème brû", None).unwrap(), ["creme ", "bru"]);
        assert_eq!(search_terms("tea, TEA cup", None).unwrap(), ["tea ", "cup"]);
        assert_eq!(search_terms("tea tea", None).unwrap(), ["tea "]);
        assert_eq!(
            search_terms("green te", Some("tea")).unwrap(),
            ["@tea/green ", "@tea/te"]
        );
        assert_eq!(search_terms("vitamin c", None).unwrap(), ["vitamin ", "c"]);
        assert_eq!(
            search_terms(&"x".repeat(99), None).unwrap(),
            ["x".repeat(24)]
        );
    }

    #[test]
    fn of_many_words_the_longest_count() {
        let nine = search_terms("a b c d e f g h i", None).unwrap();
        assert_eq!(nine.len(), 9);
        let pasted = "zz a b c d e f g h i j k l m n o p q r yyy";
        let terms = search_terms(pasted, None).unwrap();
        assert_eq!(terms.len(), MAX_WORDS);
        assert_eq!(&terms[..3], ["zz ", "yyy", "a "]);
    }

    #[test]
    fn refuses_a_search_without_words_or_of_too_many_bytes() {
        for (bad, word) in [
            ("!?", "no letter"),
            ("", "no letter"),
            (&"ab ".repeat(80), "longer"),
        ] {
            let error = search_terms(bad, None).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
