// SPDX-License-Identifier: MPL-2.0
//! Zip archives and the older format, whole and broken.

use gstresnet50::resnet50::weights::parse;

use super::{Zip, archive, bytes, dict, error, tensor};

/// The helpers above write what is read.
#[test]
fn friendly_archive() {
    let program = dict("w", &tensor("0", 6, 1, &[2, 2], &[1, 2]));
    let dict = parse(archive(&program).into()).expect("a state dict");
    assert_eq!(dict.get_f32("w").expect("floats"), [0.0; 4]);
}

/// What PyTorch writes beyond 4 GiB or 65535 tensors: the directory's fields are full, and the
/// numbers in larger ones.
#[test]
fn zip64() {
    let pickle = [
        b"\x80\x02",
        &dict("w", &tensor("0", 6, 0, &[6], &[1]))[..],
        b".",
    ]
    .concat();
    let mut zip = Zip::new().add("a/data.pkl", &pickle);
    let numbers: Vec<u8> = (1..=24).collect();
    let start = zip.file.len() as u64;
    zip = zip.add("a/data/0", &numbers);
    let entry = zip.directory.len() - 46 - "a/data/0".len();
    let sizes = entry + 20..entry + 28;
    zip.directory[sizes].fill(0xff);
    zip.directory[entry + 42..entry + 46].fill(0xff);
    // A field that is not known, and the one for zip64.
    zip.directory[entry + 30] = 5 + 28;
    zip.directory.extend([9, 9, 1, 0, 7, 1, 0, 24, 0]);
    for number in [24, 24, start] {
        zip.directory.extend(number.to_le_bytes());
    }
    let (at, len) = (zip.file.len() as u64, zip.directory.len() as u64);
    let mut file = zip.file;
    file.extend(zip.directory);
    let end = file.len() as u64;
    file.extend(b"PK\x06\x06");
    file.extend([0; 20]);
    for number in [2, 2, len, at] {
        file.extend(number.to_le_bytes());
    }
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend(end.to_le_bytes());
    file.extend([1, 0, 0, 0]);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([0xff; 12]);
    file.extend([0, 0]);
    let dict = parse(file.clone().into()).expect("a state dict");
    let expected: Vec<f32> = numbers
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    assert_eq!(dict.get_f32("w").expect("floats"), expected);

    let locator = file.len() - 22 - 12;
    for at in [end + 1, u64::MAX] {
        file[locator..locator + 8].copy_from_slice(&at.to_le_bytes());
        assert_eq!(
            error(file.clone()),
            "the directory of the zip archive: its 64-bit end is not where its locator says"
        );
    }
}

/// Tensors that are not where they say they are.
#[test]
fn tensors() {
    let wrong = |tensor: &[u8]| error(archive(&dict("w", tensor)));
    assert_eq!(
        wrong(&tensor("1", 6, 0, &[6], &[1])),
        "entry \"data/1\" of the archive: it does not exist"
    );
    assert_eq!(
        wrong(&tensor("0", 7, 0, &[6], &[1])),
        "entry \"data/0\" of the archive: 24 bytes, and 7 elements of float32 are expected"
    );
    assert_eq!(
        wrong(&tensor("0", i64::MAX, 0, &[6], &[1])),
        "entry \"data/0\" of the archive: 24 bytes, and 9223372036854775807 elements of float32 \
         are expected"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 1, &[6], &[1])),
        "tensor \"w\": shape [6] with strides [1] from element 1 on goes past the end of its \
         storage, which has 6 elements"
    );
    assert_eq!(
        wrong(&tensor("0", 6, i64::MAX, &[0], &[1])),
        "tensor \"w\": shape [0] with strides [1] from element 9223372036854775807 on goes past \
         the end of its storage, which has 6 elements"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[2, 3], &[i64::MAX, i64::MAX])),
        "tensor \"w\": shape [2, 3] with strides [9223372036854775807, 9223372036854775807] from \
         element 0 on goes past the end of its storage, which has 6 elements"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[1 << 40, 1 << 40], &[0, 0])),
        "tensor \"w\": shape [1099511627776, 1099511627776] has more elements than its storage, \
         which has 6"
    );
    assert_eq!(
        wrong(&tensor("0", 6, -1, &[6], &[1])),
        "tensor \"w\": -1 for an offset"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[-6], &[1])),
        "tensor \"w\": -6 for its shape"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[6], &[-1])),
        "tensor \"w\": -1 for its strides"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[6], &[])),
        "tensor \"w\": shape [6] with strides []"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[1; 9], &[1; 9])),
        "tensor \"w\": 9 axes, and 8 are the limit"
    );
    assert_eq!(
        error(bytes("expanded.pth")),
        "tensor \"expanded\": shape [5] has more elements than its storage, which has 1"
    );
    // Fine: no elements of any size, and strides of axes that are not walked.
    for (shape, strides) in [
        (&[1i64 << 40, 0, 1 << 40][..], &[1i64, 1, 1][..]),
        (&[1, 3, 1, 2], &[i64::MAX, 1, i64::MAX, 3]),
    ] {
        let dict = archive(&dict("w", &tensor("0", 6, 0, shape, strides)));
        let dict = parse(dict.into()).expect("a state dict");
        let values = dict.get_f32("w").expect("floats");
        assert_eq!(values.len(), dict.get("w").expect("a tensor").len());
    }
}

/// Archives that are no archives of PyTorch's.
#[test]
fn archives() {
    let pickle = [
        b"\x80\x02",
        &dict("w", &tensor("0", 6, 0, &[6], &[1]))[..],
        b".",
    ]
    .concat();
    let zip = || Zip::new().add("a/data.pkl", &pickle);
    let data = [0; 24];
    assert_eq!(
        error(zip().entry("a/data/0", &data, 8, 24, 1 << 31, None).end()),
        "entry \"a/data/0\" of the archive is compressed or encrypted (method 8); torch stores \
         its entries as they are"
    );
    assert_eq!(
        error(zip().entry("a/data/0", &data, 0, 24, 1 << 31, None).end()),
        "the directory of the zip archive: entry \"a/data/0\" is stored as it is, and has 24 \
         bytes of 2147483648"
    );
    assert_eq!(
        error(
            zip()
                .entry("a/data/0", &data, 0, 1 << 31, 1 << 31, None)
                .end()
        ),
        "entry \"a/data/0\" of the archive is cut off: 2147483648 bytes expected, 24 found"
    );
    assert_eq!(
        error(
            zip()
                .entry("a/data/0", &data, 0, 24, 24, Some(1 << 31))
                .end()
        ),
        "the directory of the zip archive: entry \"a/data/0\" starts at 2147483648, behind all \
         entries"
    );
    assert_eq!(
        error(zip().entry("a/data/0", &data, 0, 24, 24, Some(0)).end()),
        "the directory of the zip archive: there is no entry \"a/data/0\" at 0"
    );
    assert_eq!(
        error(zip().add("a/data/0", &data).add("a/data/0", &data).end()),
        "the directory of the zip archive has \"a/data/0\" twice"
    );
    // One inside of another.
    let inner = Zip::new().add("a/data/1", &data).file;
    let at = zip().file.len() + 30 + "a/data/0".len();
    assert_eq!(
        error(
            zip()
                .add("a/data/0", &inner)
                .entry("a/data/1", &data, 0, 24, 24, Some(at as u32))
                .end()
        ),
        "the directory of the zip archive: entries \"a/data/0\" and \"a/data/1\" overlap"
    );
    assert_eq!(
        error(zip().add("b/data.pkl", b"").end()),
        "the directory of the zip archive: a data.pkl in \"a/\" and in \"b/\""
    );
    assert_eq!(
        error(Zip::new().add("word/document.xml", b"").end()),
        "the directory of the zip archive: no entry <folder>/data.pkl, so that it is not a file \
         of torch.save"
    );
    assert_eq!(
        error(zip().add("a/byteorder", b"big").end()),
        "the file's numbers are big-endian: save it again on a little-endian machine"
    );
    let mut file = zip().add("a/data/0", &data).end();
    let end = file.len() - 22;
    file[end + 16..end + 20].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error(file).starts_with("the directory of the zip archive: "));
}

/// The older format's parts.
#[test]
fn legacy() {
    let file = bytes("legacy.pth");
    let at = |needle: &[u8]| {
        let found = file.windows(needle.len()).position(|w| w == needle);
        found.expect("in the file")
    };
    let change = |at: usize, to: &[u8]| {
        let mut file = file.clone();
        file[at..at + to.len()].copy_from_slice(to);
        error(file)
    };
    assert_eq!(
        change(5, &[0]),
        "the pickle of the magic number: a pickle of an int, not a file of torch.save"
    );
    assert_eq!(
        error(b"\x80\x04N.".to_vec()),
        "the pickle of the magic number: a pickle of None, not a file of torch.save"
    );
    assert_eq!(
        change(at(b"M\xe9\x03.") + 1, &[0xe8]),
        "the pickle of the version: 1000, and 1001 is expected"
    );
    let endian = at(b"little_endian");
    let flag = endian
        + file[endian..]
            .iter()
            .position(|b| *b == 0x88)
            .expect("True");
    assert!(change(flag, &[0x89]).contains("big-endian"));
    // The count in front of the last storage, which is three floats.
    let count = file.len() - 3 * 4 - 8;
    assert!(
        change(count, &i64::MAX.to_le_bytes())
            .ends_with(": 9223372036854775807 elements, and its tensors expect 3"),
        "{}",
        change(count, &i64::MAX.to_le_bytes())
    );
    assert!(change(count, &(-1i64).to_le_bytes()).contains(": -1 elements"));
    let longer = [&file[..], b"\0"].concat();
    assert_eq!(
        error(longer),
        "the end of the file: 1 bytes behind the last storage"
    );
    let cut = error(&file[..file.len() - 1]);
    assert!(
        cut.ends_with("is cut off: 12 bytes expected, 11 found"),
        "{cut}"
    );
}
