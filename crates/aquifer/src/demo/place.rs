//! Where the customers are: countries with their cities, taxes, currencies and common names. The people and companies
//! are invented; mail addresses end in `.example`, which nobody can own.

use super::{
    random::Random,
    value::{Fixed, Money, Price, Rate},
};

#[derive(Debug)]
pub struct Country {
    pub name: &'static str,
    /// How many of a hundred customers, roughly.
    pub share: u32,
    pub currency: Currency,
    /// What ends a company's name.
    pub legal_forms: &'static [&'static str],
    pub dial: &'static str,
    /// Prefix of VAT ids; none where there are none.
    pub vat_prefix: Option<&'static str>,
    pub tax_name: &'static str,
    pub cities: &'static [City],
    pub first_names: &'static [&'static str],
    pub last_names: &'static [&'static str],
    pub streets: &'static [&'static str],
    /// Whether the number stands before the street.
    pub number_first: bool,
}

#[derive(Debug)]
pub struct City {
    pub name: &'static str,
    pub state: Option<&'static str>,
    /// `#` is a digit, `@` a letter.
    pub postal_code: &'static str,
    pub tax: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    pub code: &'static str,
    /// What a dollar costs, for list prices; they do not follow the market.
    per_dollar: Price,
    /// The smallest amount there is, in hundredths: 100 where there are no cents.
    smallest: i64,
}

impl Currency {
    const fn new(code: &'static str, per_dollar: i64) -> Currency {
        Currency { code, per_dollar: Fixed(per_dollar), smallest: 1 }
    }

    /// A list price in this currency.
    pub fn price(self, dollars: Price) -> Price {
        let exact = i128::from(dollars.0) * i128::from(self.per_dollar.0) / 10_000;
        // Prices of a cent and less keep their digits; the others end in full cents, or yen.
        let step = if dollars < Price::whole(1) { self.smallest } else { self.smallest * 100 };
        Fixed((exact as i64 / step).max(1) * step)
    }

    /// An amount that can be paid.
    pub fn round(self, amount: Money) -> Money {
        let half = self.smallest / 2 * amount.0.signum();
        Fixed((amount.0 + half) / self.smallest * self.smallest)
    }
}

pub const DOLLAR: Currency = Currency::new("USD", 10_000);
const EURO: Currency = Currency::new("EUR", 9_200);
const POUND: Currency = Currency::new("GBP", 7_900);
const CANADIAN: Currency = Currency::new("CAD", 13_500);
const AUSTRALIAN: Currency = Currency::new("AUD", 15_000);
const KRONA: Currency = Currency::new("SEK", 105_000);
const FRANC: Currency = Currency::new("CHF", 8_800);
const YEN: Currency = Currency { code: "JPY", per_dollar: Fixed(1_500_000), smallest: 100 };

/// Every currency that products have prices in.
pub const CURRENCIES: [Currency; 8] = [DOLLAR, EURO, POUND, CANADIAN, AUSTRALIAN, KRONA, FRANC, YEN];

const fn city(name: &'static str, state: Option<&'static str>, postal_code: &'static str, tax: i64) -> City {
    City { name, state, postal_code, tax: Fixed(tax) }
}

pub static COUNTRIES: &[Country] = &[
    Country {
        name: "United States",
        share: 36,
        currency: DOLLAR,
        legal_forms: &["Inc.", "LLC", "Corp."],
        dial: "+1 555 01",
        vat_prefix: None,
        tax_name: "Sales Tax",
        cities: &[
            city("San Francisco", Some("California"), "941##", 8_625),
            city("Austin", Some("Texas"), "787##", 8_250),
            city("Seattle", Some("Washington"), "981##", 10_350),
            city("Boston", Some("Massachusetts"), "021##", 6_250),
            city("Chicago", Some("Illinois"), "606##", 10_250),
            city("Portland", Some("Oregon"), "972##", 0),
        ],
        first_names: &["Ava", "Liam", "Maya", "Noah", "Grace", "Ethan", "Zoe", "Caleb", "Nora", "Miles"],
        last_names: &["Carter", "Nguyen", "Ramirez", "Bennett", "Walsh", "Foster", "Patel", "Hughes", "Kim", "Brooks"],
        streets: &["Market Street", "Cedar Avenue", "Juniper Lane", "Harbor Boulevard", "Elm Street", "Mill Road"],
        number_first: true,
    },
    Country {
        name: "Germany",
        share: 13,
        currency: EURO,
        legal_forms: &["GmbH", "AG", "GmbH & Co. KG"],
        dial: "+49 30 5550 ",
        vat_prefix: Some("DE"),
        tax_name: "USt",
        cities: &[
            city("Berlin", None, "101##", 19_000),
            city("München", Some("Bayern"), "803##", 19_000),
            city("Hamburg", None, "203##", 19_000),
            city("Köln", Some("Nordrhein-Westfalen"), "506##", 19_000),
        ],
        first_names: &["Anna", "Jürgen", "Katrin", "Lukas", "Miriam", "Sören", "Ulrike", "Felix", "Jana", "Tobias"],
        last_names: &["Schäfer", "Krüger", "Weiß", "Lehmann", "Brandt", "Vogel", "Köhler", "Arnold", "Seidel", "Böhm"],
        streets: &["Lindenstraße", "Am Mühlbach", "Gartenweg", "Rosenthaler Straße", "Hafenallee"],
        number_first: false,
    },
    Country {
        name: "United Kingdom",
        share: 12,
        currency: POUND,
        legal_forms: &["Ltd", "plc", "LLP"],
        dial: "+44 20 7946 0",
        vat_prefix: Some("GB"),
        tax_name: "VAT",
        cities: &[
            city("London", None, "EC#A #@@", 20_000),
            city("Manchester", None, "M# #@@", 20_000),
            city("Edinburgh", None, "EH# #@@", 20_000),
            city("Bristol", None, "BS# #@@", 20_000),
        ],
        first_names: &["Amelia", "Oliver", "Isla", "Harry", "Freya", "Rhys", "Poppy", "Callum", "Priya", "Ewan"],
        last_names: &["O'Neill", "Thornton", "Whitaker", "Singh", "Campbell", "Fletcher", "Osei", "Barlow", "Rowe"],
        streets: &["High Street", "Station Road", "Victoria Terrace", "Kiln Lane", "Quayside"],
        number_first: true,
    },
    Country {
        name: "France",
        share: 8,
        currency: EURO,
        legal_forms: &["SAS", "SARL", "SA"],
        dial: "+33 1 70 55 ",
        vat_prefix: Some("FR"),
        tax_name: "TVA",
        cities: &[
            city("Paris", None, "750##", 20_000),
            city("Lyon", None, "690##", 20_000),
            city("Nantes", None, "440##", 20_000),
        ],
        first_names: &["Élodie", "Hugo", "Inès", "Léa", "Théo", "Chloé", "Mathis", "Noémie", "Bastien"],
        last_names: &["Lefèvre", "Moreau", "Garnier", "Dubois", "Fontaine", "Rousseau", "Chevalier", "Marchand"],
        streets: &["rue des Lilas", "avenue du Port", "quai Saint-Michel", "rue de l'Étang"],
        number_first: true,
    },
    Country {
        name: "Canada",
        share: 8,
        currency: CANADIAN,
        legal_forms: &["Inc.", "Ltd.", "Ltée"],
        dial: "+1 555 01",
        vat_prefix: None,
        tax_name: "GST/HST",
        cities: &[
            city("Toronto", Some("Ontario"), "M#@ #@#", 13_000),
            city("Montréal", Some("Quebec"), "H#@ #@#", 14_975),
            city("Vancouver", Some("British Columbia"), "V#@ #@#", 12_000),
        ],
        first_names: &["Émilie", "Connor", "Sophie", "Owen", "Hannah", "Mathieu", "Leah", "Arjun"],
        last_names: &["Tremblay", "MacDonald", "Gagnon", "Singh", "Roy", "Campbell", "Chan", "Bouchard"],
        streets: &["King Street West", "Maple Drive", "rue Sherbrooke", "Granville Street"],
        number_first: true,
    },
    Country {
        name: "Netherlands",
        share: 6,
        currency: EURO,
        legal_forms: &["B.V.", "N.V."],
        dial: "+31 20 555 ",
        vat_prefix: Some("NL"),
        tax_name: "BTW",
        cities: &[
            city("Amsterdam", Some("Noord-Holland"), "101# @@", 21_000),
            city("Utrecht", Some("Utrecht"), "351# @@", 21_000),
            city("Rotterdam", Some("Zuid-Holland"), "301# @@", 21_000),
        ],
        first_names: &["Sanne", "Daan", "Lotte", "Bram", "Femke", "Jeroen", "Maaike", "Ruben"],
        last_names: &["de Vries", "van Dijk", "Bakker", "Visser", "Smit", "Mulder", "de Boer", "van den Berg"],
        streets: &["Keizersgracht", "Dorpsstraat", "Havenweg", "Molenlaan"],
        number_first: false,
    },
    Country {
        name: "Australia",
        share: 6,
        currency: AUSTRALIAN,
        legal_forms: &["Pty Ltd", "Ltd"],
        dial: "+61 2 5550 ",
        vat_prefix: None,
        tax_name: "GST",
        cities: &[
            city("Sydney", Some("New South Wales"), "20##", 10_000),
            city("Melbourne", Some("Victoria"), "30##", 10_000),
            city("Perth", Some("Western Australia"), "60##", 10_000),
        ],
        first_names: &["Matilda", "Jack", "Ruby", "Lachlan", "Indi", "Cooper", "Tahlia", "Angus"],
        last_names: &["Wilson", "Nguyen", "Kelly", "Papadopoulos", "Murray", "Dawson", "Reid", "Lowe"],
        streets: &["George Street", "Banksia Crescent", "Wattle Road", "Pier Street"],
        number_first: true,
    },
    Country {
        name: "Japan",
        share: 5,
        currency: YEN,
        legal_forms: &["K.K.", "G.K.", "株式会社"],
        dial: "+81 3 5550 ",
        vat_prefix: None,
        tax_name: "消費税",
        cities: &[
            city("Tokyo", Some("Tokyo"), "10#-00##", 10_000),
            city("Osaka", Some("Osaka"), "53#-00##", 10_000),
            city("Fukuoka", Some("Fukuoka"), "81#-00##", 10_000),
        ],
        first_names: &["Haruka", "Kenji", "Yui", "Takumi", "Aiko", "Ren", "Sakura", "Daichi"],
        last_names: &["Tanaka", "Suzuki", "Kobayashi", "Yamamoto", "Mori", "Fujita", "Ishikawa", "Ono"],
        streets: &["Sakura-dori", "Chuo", "Minami-cho", "Midori-ku"],
        number_first: false,
    },
    Country {
        name: "Sweden",
        share: 3,
        currency: KRONA,
        legal_forms: &["AB"],
        dial: "+46 8 555 0",
        vat_prefix: Some("SE"),
        tax_name: "Moms",
        cities: &[city("Stockholm", None, "111 ##", 25_000), city("Göteborg", None, "411 ##", 25_000)],
        first_names: &["Åsa", "Björn", "Elin", "Gustav", "Linnéa", "Oskar", "Sigrid", "Viktor"],
        last_names: &["Lindqvist", "Åkesson", "Bergström", "Nyström", "Sjöberg", "Holm", "Öberg"],
        streets: &["Storgatan", "Björkvägen", "Hamngatan"],
        number_first: false,
    },
    Country {
        name: "Switzerland",
        share: 3,
        currency: FRANC,
        legal_forms: &["AG", "GmbH", "SA"],
        dial: "+41 44 555 0",
        vat_prefix: Some("CHE"),
        tax_name: "MWST",
        cities: &[city("Zürich", Some("Zürich"), "800#", 8_100), city("Genève", Some("Genève"), "120#", 8_100)],
        first_names: &["Nina", "Reto", "Céline", "Urs", "Selina", "Luca", "Martina", "Yannick"],
        last_names: &["Müller", "Keller", "Favre", "Zimmermann", "Bianchi", "Gerber", "Rochat"],
        streets: &["Bahnhofstrasse", "Seeweg", "rue du Lac"],
        number_first: false,
    },
];

const COMPANY_FIRST: &[&str] = &[
    "Alder", "Amber", "Arrow", "Aspen", "Beacon", "Birch", "Blue Harbor", "Bright", "Cascade", "Cedar", "Clover",
    "Cobalt", "Copper", "Coral", "Crown", "Delta", "Drift", "Echo", "Ember", "Falcon", "Fern", "Flint", "Granite",
    "Green Field", "Harbor", "Hazel", "Heron", "Indigo", "Iron", "Juniper", "Kestrel", "Lantern", "Larch", "Linden",
    "Lumen", "Maple", "Meadow", "Mistral", "North Star", "Oak", "Olive", "Onyx", "Orchard", "Osprey", "Pebble",
    "Pine", "Quartz", "Raven", "Ridge", "River", "Rowan", "Sable", "Sage", "Silver", "Slate", "Spruce", "Stone",
    "Summit", "Swift", "Tern", "Thistle", "Timber", "Topaz", "Vale", "Velvet", "Violet", "West Wind", "Willow", "Wren",
];

const COMPANY_SECOND: &[&str] = &[
    "Analytics", "Aviation", "Bakery", "Books", "Brewing", "Capital", "Ceramics", "Clinics", "Coffee", "Design",
    "Diagnostics", "Dynamics", "Education", "Energy", "Films", "Foods", "Freight", "Games", "Gardens", "Health",
    "Hotels", "Insurance", "Labs", "Legal", "Logistics", "Marine", "Media", "Mobility", "Motors", "Music", "Networks",
    "Optics", "Outdoors", "Paper", "Partners", "Pharma", "Press", "Properties", "Robotics", "Security", "Shoes",
    "Software", "Solar", "Sports", "Studios", "Systems", "Textiles", "Tools", "Toys", "Travel", "Trust", "Wines",
];

/// A name such as `Kestrel Robotics GmbH`, and a domain such as `kestrel-robotics.example`.
pub fn company(random: &mut Random, country: &Country) -> (String, String) {
    let name = format!("{} {}", random.pick(COMPANY_FIRST), random.pick(COMPANY_SECOND));
    let domain = format!("{}.example", name.to_ascii_lowercase().replace(' ', "-"));
    (format!("{name} {}", random.pick(country.legal_forms)), domain)
}

/// Replaces `#` by digits and `@` by letters.
pub fn fill_pattern(random: &mut Random, pattern: &str) -> String {
    pattern
        .chars()
        .map(|sign| match sign {
            '#' => char::from(b'0' + random.below(10) as u8),
            '@' => char::from(b"ABCDEFGHJKLMNPRSTUVWXY"[random.below(22) as usize]),
            other => other,
        })
        .collect()
}

/// The letters of a name that a mail address has: `Jürgen Weiß` is `jurgen.weis`.
pub fn mail_name(first: &str, last: &str) -> String {
    let plain = |sign: char| match sign {
        'à'..='å' | 'À'..='Å' => Some('a'),
        'è'..='ë' | 'È'..='Ë' => Some('e'),
        'ì'..='ï' => Some('i'),
        'ò'..='ö' | 'Ö' => Some('o'),
        'ù'..='ü' => Some('u'),
        'ß' => Some('s'),
        'ç' => Some('c'),
        sign if sign.is_ascii_alphabetic() => Some(sign.to_ascii_lowercase()),
        _ => None,
    };
    let first: String = first.chars().filter_map(plain).collect();
    let last: String = last.chars().filter_map(plain).collect();
    format!("{first}.{last}")
}
