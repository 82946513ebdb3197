//! spin.canary.toml is spin.toml with the next release of product, and nothing else.

/// What stands in spin.toml once, and what stands there in spin.canary.toml.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "# The current release of the shop. `stoa up`, `spin up` and SpinKube run this file as it is; spin.canary.toml is the next release.\n",
        "# The next release of the shop: spin.toml with product v2. `stoa up --manifest spin.canary.toml` runs it; a test of product\n\
         # keeps the two in step.\n",
    ),
    ("version = \"0.1.0\"\n", "version = \"0.2.0\"\n"),
    (
        "source = \"target/wasm32-wasip2/release/product.wasm\"\n",
        "source = \"target/wasm32-wasip2/release/product_v2.wasm\"\n",
    ),
    (
        "command = \"cargo build --release --target wasm32-wasip2 -p product\"\n",
        "# In a folder of its own: both releases are files of the same name.\n\
         command = \"cargo build --release --target wasm32-wasip2 --target-dir target/v2 -p product --features v2 && cp target/v2/wasm32-wasip2/release/product.wasm target/wasm32-wasip2/release/product_v2.wasm\"\n",
    ),
];

#[test]
fn the_canary_manifest_differs_in_product_and_version_only() {
    let mut expected = include_str!("../../../spin.toml").to_owned();
    for (stable, canary) in DIFFERENCES {
        assert_eq!(expected.matches(stable).count(), 1, "spin.toml: {stable}");
        expected = expected.replace(stable, canary);
    }
    let canary = include_str!("../../../spin.canary.toml");
    let lines = expected.lines().zip(canary.lines()).enumerate();
    for (number, (expected, found)) in lines {
        assert_eq!(
            found,
            expected,
            "spin.canary.toml:{}: take over what changed in spin.toml",
            number + 1
        );
    }
    assert_eq!(canary, expected);
}
