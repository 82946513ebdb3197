//! The ABI's encoding of a list of pairs: the number of pairs, the length of each name and value, then the names and values, each
//! followed by a zero byte. All numbers are little-endian u32.

const MAX_BYTES: usize = 1024 * 1024;
const MAX_PAIRS: usize = 1024;

pub(crate) type Pair = (Vec<u8>, Vec<u8>);

pub(crate) fn encode<'a>(
    pairs: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
) -> Vec<u8> {
    let size: usize = pairs
        .clone()
        .map(|(name, value)| name.len() + value.len() + 10)
        .sum();
    let mut bytes = Vec::with_capacity(4 + size);
    bytes.extend(encode_u32(pairs.len()));
    for (name, value) in pairs.clone() {
        bytes.extend(encode_u32(name.len()));
        bytes.extend(encode_u32(value.len()));
    }
    for (name, value) in pairs {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

/// Decodes a list. Like Envoy, returns an empty list if the data are malformed or exceed the limits.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Pair> {
    if bytes.len() > MAX_BYTES {
        return Vec::new();
    }
    try_decode(bytes).unwrap_or_default()
}

fn try_decode(bytes: &[u8]) -> Option<Vec<Pair>> {
    let (count, rest) = split_number(bytes)?;
    if count > MAX_PAIRS {
        return None;
    }
    let (mut sizes, mut rest) = rest.split_at_checked(count * 8)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (name, after) = split_number(sizes)?;
        let (value, after) = split_number(after)?;
        sizes = after;
        let name = split_text(&mut rest, name)?;
        let value = split_text(&mut rest, value)?;
        pairs.push((name, value));
    }
    rest.is_empty().then_some(pairs)
}

fn split_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*first) as usize, rest))
}

fn split_text(bytes: &mut &[u8], size: usize) -> Option<Vec<u8>> {
    let (text, rest) = bytes.split_at_checked(size)?;
    *bytes = rest.strip_prefix(&[0])?;
    Some(text.to_vec())
}

fn encode_u32(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn decode_reverses_encode_and_reads_malformed_data_as_empty() {
        let pairs = [("a", "1"), ("", ""), ("long", "value")];
        let bytes = encode(pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())));
        let decoded = decode(&bytes);
        assert_eq!(decoded.len(), 3);
        assert_eq!(decoded[2], (b"long".to_vec(), b"value".to_vec()));
        assert_eq!(encode([].into_iter()), [0, 0, 0, 0]);
        for broken in [&bytes[1..], &bytes[..bytes.len() - 1], &[], &[9, 9, 9, 9]] {
            assert_eq!(decode(broken), []);
        }
    }
}
