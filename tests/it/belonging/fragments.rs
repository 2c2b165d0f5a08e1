//! A text that was cut off is a part of the whole, never a statement beside it.

use tallymark::base::Authenticated;
use tallymark::ingest::Fate;

use super::{World, cut, on_both, xml};
use crate::store::{Database, FIRST_PAGE, day, report, taken};

const RECORDS: [(&str, u64); 5] = [
    ("example.com", 1),
    ("mail.example.com", 2),
    ("example.com", 4),
    ("example.org", 8),
    ("example.com", 16),
];

/// Every order of pieces and the whole ends with the whole, with an id and without.
async fn any_order(world: &World, id: &str, order: &[usize]) {
    world.add("example.com").await;
    let whole = xml("example.com", id, &RECORDS);
    let mut longest = 0;
    for &records in order {
        let text = if records == 5 {
            whole.clone()
        } else {
            cut(&whole, records)
        };
        let outcome = world.import(&text).await;
        let fate = match records {
            _ if longest == 0 => Fate::Stored,
            _ if records > longest => Fate::Completed,
            _ => Fate::Duplicate,
        };
        assert_eq!(outcome.reports[0].fate, fate, "{id:?} {order:?}: {records}");
        longest = longest.max(records);
        world.expect(&[("example.com", (1 << longest) - 1)]).await;
    }
    let domain = world.domain("example.com").await;
    let found = world.db.store.reports(domain.id, &Default::default(), FIRST_PAGE).await;
    let (reports, _) = found.unwrap();
    assert_eq!((reports.len(), reports[0].arrivals), (1, order.len() as u64));
    assert_eq!(reports[0].partial, longest < 5);
    world.remove("example.com").await;
}

on_both!(the_whole_takes_the_place_of_its_pieces_in_any_order);
async fn the_whole_takes_the_place_of_its_pieces_in_any_order(db: Database) {
    let world = World::over(db).await;
    for id in ["cut-1", ""] {
        for order in [
            &[3, 5][..],
            &[5, 3],
            &[1, 3, 5],
            &[3, 1, 5, 2],
            &[2, 2, 4, 5, 5, 1],
            &[4, 1, 2],
        ] {
            any_order(&world, id, order).await;
        }
    }
    world.close().await;
}

on_both!(pieces_and_the_whole_in_one_batch_or_from_unclaimed_are_one_report);
async fn pieces_and_the_whole_in_one_batch_or_from_unclaimed_are_one_report(db: Database) {
    let world = World::over(db).await;
    for id in ["cut-2", ""] {
        // They wait until the domain is added.
        let whole = xml("example.com", id, &RECORDS);
        for records in [2, 4] {
            world.import(&cut(&whole, records)).await;
        }
        world.import(&whole).await;
        let domain = world.add("example.com").await;
        world.expect(&[("example.com", 31)]).await;
        let found = world.db.store.reports(domain.id, &Default::default(), FIRST_PAGE).await;
        assert_eq!(found.unwrap().0.len(), 1);
        world.remove("example.com").await;
    }
    // In one batch.
    let domain = world.add("example.com").await;
    let records = [("192.0.2.1", 7, true), ("192.0.2.2", 5, false), ("192.0.2.3", 2, true)];
    let piece = |records: usize| {
        let mut piece = report(
            "1",
            day(0),
            &[("192.0.2.1", 7, true), ("192.0.2.2", 5, false)][..records],
        );
        piece.partial = true;
        taken(piece, Authenticated::Unknown)
    };
    let whole = taken(report("1", day(0), &records), Authenticated::Unknown);
    let outcome = world.db.commit(vec![piece(1), piece(2), whole, piece(1)]).await;
    let fates: Vec<_> = outcome.reports.iter().map(|report| report.fate).collect();
    assert_eq!(
        fates,
        [Fate::Duplicate, Fate::Duplicate, Fate::Completed, Fate::Duplicate]
    );
    assert!(outcome.reports.iter().all(|report| report.no == outcome.reports[2].no));
    world.expect(&[("example.com", 14)]).await;
    let detail = world
        .db
        .store
        .report(domain.id, outcome.reports[2].no)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((detail.summary.arrivals, detail.summary.partial), (4, false));
    world.close().await;
}

on_both!(two_whole_texts_that_differ_stay_a_conflict);
async fn two_whole_texts_that_differ_stay_a_conflict(db: Database) {
    let world = World::over(db).await;
    world.add("example.com").await;
    let first = xml("example.com", "1", &RECORDS);
    world.import(&first).await;
    let other = world.import(&xml("example.com", "1", &RECORDS[..4])).await;
    assert_eq!(other.reports[0].fate, Fate::Conflict);
    world.expect(&[("example.com", 31)]).await;
    // Without an id two that differ are two reports, and a piece of one is of that one.
    let a = xml("example.com", "", &[("example.com", 32), ("example.com", 64)]);
    let b = xml(
        "example.com",
        "",
        &[("example.com", 3), ("example.com", 5), ("example.com", 9)],
    );
    world.import(&a).await;
    world.import(&cut(&b, 2)).await;
    world.expect(&[("example.com", 31 + 96 + 8)]).await;
    world.import(&b).await;
    world.import(&cut(&a, 1)).await;
    world.expect(&[("example.com", 31 + 96 + 17)]).await;
    world.close().await;
}

on_both!(a_piece_that_is_vouched_for_gives_way_to_the_whole_but_not_to_another_story);
async fn a_piece_that_is_vouched_for_gives_way_to_the_whole_but_not_to_another_story(db: Database) {
    let world = World::over(db).await;
    world.add("example.com").await;
    let whole = [("192.0.2.1", 7, true), ("192.0.2.2", 5, false), ("192.0.2.3", 2, true)];
    let text = |id: &str, records: &[(&str, u64, bool)], cut: bool, authenticated| {
        let mut text = report(id, day(id.parse().unwrap()), records);
        text.partial = cut;
        taken(text, authenticated)
    };
    let fate = async |text| world.db.commit(vec![text]).await.reports[0].fate;
    let (pass, unknown) = (Authenticated::Pass, Authenticated::Unknown);
    // The whole of it, though nothing vouches for that.
    fate(text("1", &whole[..2], true, pass)).await;
    assert_eq!(fate(text("1", &whole, false, unknown)).await, Fate::Completed);
    world.expect(&[("example.com", 14)]).await;
    // Another story does not take the place of what is vouched for.
    fate(text("2", &whole[..2], true, pass)).await;
    assert_eq!(
        fate(text("2", &[("192.0.2.9", 1_000, true); 3], false, unknown)).await,
        Fate::Conflict
    );
    world.expect(&[("example.com", 14 + 12)]).await;
    assert_eq!(fate(text("2", &whole, false, pass)).await, Fate::Conflict);
    world.expect(&[("example.com", 14 + 14)]).await;
    // And a piece that is vouched for is heard against a whole that is not.
    fate(text("3", &[("192.0.2.8", 1_000, true); 3], false, unknown)).await;
    assert_eq!(fate(text("3", &whole[..1], true, pass)).await, Fate::Conflict);
    world.expect(&[("example.com", 14 + 14 + 7)]).await;
    world.close().await;
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

on_both!(a_damaged_archive_gives_way_to_the_intact_one);
async fn a_damaged_archive_gives_way_to_the_intact_one(db: Database) {
    let world = World::over(db).await;
    world.add("example.com").await;
    let mut counted = 0;
    for (id, damaged) in [
        // Its end is missing.
        (
            "1",
            (|whole: &[u8]| whole[..whole.len() * 2 / 3].to_vec()) as fn(&[u8]) -> Vec<u8>,
        ),
        // What it inflates to is not what was compressed.
        ("2", |whole: &[u8]| {
            let mut other = gzip(&xml("example.com", "2", &[("example.com", 1_000)]));
            let end = other.len() - 8;
            other[end..].copy_from_slice(&whole[whole.len() - 8..]);
            other
        }),
    ] {
        let records: Vec<_> = (0..200)
            .map(|nth| ("example.com", 1 + nth * nth % 89 + id.len() as u64))
            .collect();
        let records = if id == "1" { &records[..] } else { &records[..150] };
        let whole = gzip(&xml("example.com", id, records));
        let first = world.bytes(damaged(&whole)).await;
        assert_eq!(first.reports[0].fate, Fate::Stored, "{id}");
        assert_eq!(world.bytes(whole).await.reports[0].fate, Fate::Completed, "{id}");
        counted += records.iter().map(|(_, count)| count).sum::<u64>();
        world.expect(&[("example.com", counted)]).await;
    }
    world.close().await;
}

on_both!(a_piece_of_a_report_that_comes_again_under_another_id_gives_way_too);
async fn a_piece_of_a_report_that_comes_again_under_another_id_gives_way_too(db: Database) {
    let world = World::over(db).await;
    world.add("example.com").await;
    world.import(&xml("example.com", "1", &RECORDS)).await;
    let again = xml("example.com", "2", &RECORDS);
    world.import(&cut(&again, 2)).await;
    assert_eq!(world.import(&again).await.reports[0].fate, Fate::Duplicate);
    world.expect(&[("example.com", 31)]).await;
    world.close().await;
}

on_both!(a_piece_with_every_record_is_whole_when_the_whole_comes);
/// Cut off behind the last record: the contents are the same.
async fn a_piece_with_every_record_is_whole_when_the_whole_comes(db: Database) {
    let world = World::over(db).await;
    let domain = world.add("example.com").await;
    let whole = xml("example.com", "1", &RECORDS);
    let cut = whole.replace("</feedback>", "</feedba");
    let first = world.import(&cut).await;
    let partial = async || {
        let detail = world
            .db
            .store
            .report(domain.id, first.reports[0].no)
            .await
            .unwrap()
            .unwrap();
        detail.summary.partial
    };
    assert!(partial().await);
    assert_eq!(world.import(&whole).await.reports[0].fate, Fate::Duplicate);
    assert!(!partial().await);
    // It is a statement now: another whole contradicts it.
    let other = world.import(&xml("example.com", "1", &RECORDS[..4])).await;
    assert_eq!(other.reports[0].fate, Fate::Conflict);
    world.expect(&[("example.com", 31)]).await;
    world.close().await;
}

on_both!(pieces_of_a_sliced_report_are_pieces_too);
async fn pieces_of_a_sliced_report_are_pieces_too(db: Database) {
    let world = World::over(db).await;
    let records = [
        ("a.one.example", 1),
        ("b.one.example", 2),
        ("a.one.example", 4),
        ("one.example", 8),
    ];
    for id in ["cut-3", ""] {
        let whole = xml("one.example", id, &records);
        world.add("a.one.example").await;
        world.add("b.one.example").await;
        world.import(&cut(&whole, 2)).await;
        world.expect(&[("a.one.example", 1), ("b.one.example", 2)]).await;
        world.import(&whole).await;
        world.expect(&[("a.one.example", 5), ("b.one.example", 2)]).await;
        world.import(&cut(&whole, 1)).await;
        world.add("one.example").await;
        world.expect(&[("one.example", 15)]).await;
        for name in ["a.one.example", "b.one.example", "one.example"] {
            world.remove(name).await;
        }
        world.expect(&[]).await;
    }
    world.close().await;
}
