//! The samples published with RFC 8785: the examples of its text, the files of its reference implementation, the table
//! of its appendix B, and the hash of the first million of its hundred million numbers.

use eventing::json::{Fault, Json, Limits, parse};
use sha2::{Digest as _, Sha256};

use crate::vectors::read;

#[test]
fn every_file_is_written_as_published() {
    for name in ["arrays", "french", "section-3.2.2", "section-3.2.3", "structures", "unicode", "values", "weird"] {
        let input = read(&format!("rfc8785/{name}.input.json"));
        let written = String::from_utf8(parse(&input, Limits::BODY).unwrap().canonical()).unwrap();
        let published = String::from_utf8(read(&format!("rfc8785/{name}.output.json"))).unwrap();
        assert_eq!(written, published, "{name}");
    }
}

fn written(number: f64) -> String {
    String::from_utf8(Json::Number(number).canonical()).unwrap()
}

#[test]
fn every_number_of_appendix_b_is_written_as_published() {
    for (bits, published) in [
        (0x0000_0000_0000_0000_u64, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let number = f64::from_bits(bits);
        assert_eq!(written(number), published, "{bits:016x}");
        // Read back it is the same double, but for those whose integer literal we refuse.
        match parse(published.as_bytes(), Limits::BODY) {
            Ok(json) => assert_eq!(json, Json::Number(number + 0.0), "{published}"),
            Err(fault) => assert_eq!((fault, published.contains('.')), (Fault::NumberNotExact, false), "{published}"),
        }
    }
}

/// The numbers of the reference implementation's `numgen.js`, in its order: a list, two thousand that follow one
/// another, then what a chain of SHA-256 makes.
fn numbers() -> impl Iterator<Item = f64> {
    let listed = String::from_utf8(read("rfc8785/numbers.txt")).unwrap();
    let listed: Vec<u64> = listed.lines().map(|line| u64::from_str_radix(line, 16).unwrap()).collect();
    let serial = (0..2_000).map(|n| 0x0010_0000_0000_0000 + n);
    let chained = std::iter::successors(Some([0; 32]), |block: &[u8; 32]| Some(Sha256::digest(block).into()));
    let chained = chained.skip(1).flat_map(|block: [u8; 32]| {
        let bits: Vec<u64> = block.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect();
        bits
    });
    let chained = chained.filter(|bits| {
        let number = f64::from_bits(*bits);
        number != 0.0 && number.is_finite()
    });
    listed.into_iter().chain(serial).chain(chained).map(f64::from_bits)
}

#[test]
fn a_million_numbers_have_the_published_hash() {
    let published = [
        (1_000, "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687"),
        (10_000, "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892"),
        (100_000, "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7"),
        (1_000_000, "49415fee2c56c77864931bd3624faad425c3c577d6d74e89a83bc725506dad16"),
    ];
    let mut hash = Sha256::new();
    let mut found = Vec::new();
    for (at, number) in (1..=1_000_000).zip(numbers()) {
        hash.update(format!("{:x},{}\n", number.to_bits(), written(number)));
        if published.iter().any(|(count, _)| *count == at) {
            found.push((at, hex::encode(hash.clone().finalize())));
        }
    }
    assert_eq!(found, published.map(|(count, hash)| (count, hash.to_owned())));
}
