//! Splits texts into words, and words into the terms of the search index.
//!
//! A text is folded, so that case and accents are ignored. Then it is split at every character that is not a letter or a digit.
//!
//! The index contains *terms*. The term of a whole word ends with a space (`coffee `). The term of a prefix has no space (`c`,
//! `co`, ... `coffee`). So whole words and prefixes are both found by equality, and a prefix costs no more than a whole word. Each
//! term has a second entry with the product's category (`@tea/co`). So a search in one category costs no more than a search in all
//! categories.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::domain::Product;
use crate::error::Error;

/// The number of significant characters in a word. The index and searches cut off all characters after this number.
pub const MAX_WORD_CHARS: usize = 24;
/// The maximum length of a search, in bytes.
pub const MAX_SEARCH_BYTES: usize = 200;
/// The maximum number of words in a search, because each word costs a lookup for every row that is read. If a search is longer, for
/// example a pasted paragraph, only its longest words count, because long words are the most specific.
pub const MAX_WORDS: usize = 16;
/// The number of significant characters in a sort key.
const MAX_SORT_KEY_CHARS: usize = 64;

/// The weight of a term that occurs in a product's name or SKU. The index stores weights; a higher weight is more relevant.
pub const NAME_WEIGHT: i64 = 2;
/// The weight of a term that occurs only in a product's category or description.
pub const TEXT_WEIGHT: i64 = 1;

/// Converts a text to lower case without accents, such as `Café Müller` to `cafe muller`.
pub fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        // The conversion to lower case can itself add a combining mark, for example for the Turkish İ.
        .filter(|c| !is_combining_mark(*c))
        .fold(String::new(), |mut folded, c| {
            // Unicode cannot split these letters into a plain letter and a mark, but people type the plain letters instead.
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

/// Splits a text into its folded words.
pub fn words(text: &str) -> Vec<String> {
    fold(text)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(MAX_WORD_CHARS).collect())
        .collect()
}

/// Returns the key by which lists sort a name: the folded words of the name.
pub fn sort_key(name: &str) -> String {
    words(name)
        .join(" ")
        .chars()
        .take(MAX_SORT_KEY_CHARS)
        .collect()
}

/// Returns the term of a whole word.
fn whole_word_term(word: &str) -> String {
    format!("{word} ")
}

/// Returns the variant of `term` for searches in one category. Words contain only letters and digits, so no other term begins with
/// `@`.
fn category_term(category: &str, term: &str) -> String {
    format!("@{category}/{term}")
}

/// Returns all terms of a product, each with its highest weight.
pub fn terms_of(product: &Product) -> BTreeMap<String, i64> {
    let mut terms = BTreeMap::new();
    // The texts with the higher weight come first in this list. So a term that occurs in several texts gets its highest weight.
    for (text, weight) in [
        (product.name.as_str(), NAME_WEIGHT),
        (product.sku.as_str(), NAME_WEIGHT),
        (product.category.as_str(), TEXT_WEIGHT),
        (product.description.as_str(), TEXT_WEIGHT),
    ] {
        for word in words(text) {
            let prefixes = word
                .char_indices()
                .map(|(start, c)| start + c.len_utf8())
                .filter_map(|end| word.get(..end));
            for prefix in prefixes {
                terms.entry(prefix.to_owned()).or_insert(weight);
            }
            terms.entry(whole_word_term(&word)).or_insert(weight);
        }
    }
    let scoped: Vec<_> = terms
        .iter()
        .map(|(term, weight)| (category_term(&product.category, term), *weight))
        .collect();
    terms.extend(scoped);
    terms
}

/// Returns the terms that a product must have to be found: every word of `search`, the last word as a prefix. With a `category`,
/// only products of that category are found.
pub fn search_terms(search: &str, category: Option<&str>) -> Result<Vec<String>, Error> {
    let quoted = stoa_service::text::shorten(search);
    if search.len() > MAX_SEARCH_BYTES {
        return Err(Error::BadSearch(format!(
            "`{quoted}` is longer than {MAX_SEARCH_BYTES} bytes"
        )));
    }
    let mut words = words(search);
    let Some(last) = words.pop() else {
        return Err(Error::BadSearch(format!(
            "`{quoted}` contains no letters and no digits"
        )));
    };
    words.sort();
    words.dedup();
    let last_is_new = !words.contains(&last);
    let mut terms: Vec<String> = words.iter().map(|word| whole_word_term(word)).collect();
    if last_is_new {
        terms.push(last);
    }
    // The sort is stable, so words of the same length keep their sequence.
    if terms.len() > MAX_WORDS {
        terms.sort_by_key(|term| std::cmp::Reverse(term.chars().count()));
        terms.truncate(MAX_WORDS);
    }
    Ok(match category {
        Some(category) => terms
            .iter()
            .map(|term| category_term(category, term))
            .collect(),
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
    fn a_search_consists_of_whole_words_and_one_prefix() {
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
    fn a_search_of_many_words_uses_the_longest_words() {
        let nine = search_terms("a b c d e f g h i", None).unwrap();
        assert_eq!(nine.len(), 9);
        let pasted = "zz a b c d e f g h i j k l m n o p q r yyy";
        let terms = search_terms(pasted, None).unwrap();
        assert_eq!(terms.len(), MAX_WORDS);
        assert_eq!(&terms[..3], ["zz ", "yyy", "a "]);
    }

    #[test]
    fn rejects_a_search_without_words_and_one_that_is_too_long() {
        for (bad, word) in [
            ("!?", "no letters"),
            ("", "no letters"),
            (&"ab ".repeat(80), "longer"),
        ] {
            let error = search_terms(bad, None).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
