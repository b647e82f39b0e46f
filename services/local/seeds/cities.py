"""The cities of the made-up health system: real ones in every state, so that distances, zones and ZIP codes are real.

The first ones lie in different zones, two of them without daylight-saving time, so that a small system shows them all.
"""

# City and state, as the ZIP code list spells them. Names do not repeat: a facility is named after its city.
CITIES: tuple[tuple[str, str], ...] = (
    ("Boston", "MA"), ("Phoenix", "AZ"), ("Chicago", "IL"), ("Los Angeles", "CA"), ("Denver", "CO"),
    ("Honolulu", "HI"), ("Anchorage", "AK"), ("San Juan", "PR"), ("Houston", "TX"), ("Miami", "FL"),
    ("New York", "NY"), ("Seattle", "WA"), ("Atlanta", "GA"), ("Detroit", "MI"), ("Minneapolis", "MN"),
    ("Philadelphia", "PA"), ("Indianapolis", "IN"), ("New Orleans", "LA"), ("Salt Lake City", "UT"), ("Boise", "ID"),
    ("El Paso", "TX"), ("San Diego", "CA"), ("San Francisco", "CA"), ("Sacramento", "CA"), ("Fresno", "CA"),
    ("San Jose", "CA"), ("Oakland", "CA"), ("Bakersfield", "CA"), ("Riverside", "CA"), ("Long Beach", "CA"),
    ("Santa Barbara", "CA"), ("Redding", "CA"), ("San Antonio", "TX"), ("Dallas", "TX"), ("Austin", "TX"),
    ("Fort Worth", "TX"), ("Lubbock", "TX"), ("Laredo", "TX"), ("Corpus Christi", "TX"), ("Amarillo", "TX"),
    ("Waco", "TX"), ("Brownsville", "TX"), ("Tampa", "FL"), ("Orlando", "FL"), ("Jacksonville", "FL"),
    ("Tallahassee", "FL"), ("Pensacola", "FL"), ("Fort Lauderdale", "FL"), ("Gainesville", "FL"), ("Naples", "FL"),
    ("Buffalo", "NY"), ("Rochester", "NY"), ("Albany", "NY"), ("Syracuse", "NY"), ("Brooklyn", "NY"), ("Bronx", "NY"),
    ("Yonkers", "NY"), ("Pittsburgh", "PA"), ("Allentown", "PA"), ("Erie", "PA"), ("Scranton", "PA"),
    ("Harrisburg", "PA"), ("Cleveland", "OH"), ("Cincinnati", "OH"), ("Toledo", "OH"), ("Akron", "OH"),
    ("Dayton", "OH"), ("Grand Rapids", "MI"), ("Lansing", "MI"), ("Flint", "MI"), ("Ann Arbor", "MI"),
    ("Marquette", "MI"), ("Rockford", "IL"), ("Peoria", "IL"), ("Champaign", "IL"), ("Naperville", "IL"),
    ("Milwaukee", "WI"), ("Madison", "WI"), ("Green Bay", "WI"), ("Eau Claire", "WI"), ("Duluth", "MN"),
    ("Saint Paul", "MN"), ("Saint Cloud", "MN"), ("Des Moines", "IA"), ("Cedar Rapids", "IA"), ("Davenport", "IA"),
    ("Saint Louis", "MO"), ("Kansas City", "MO"), ("Springfield", "MO"), ("Wichita", "KS"), ("Topeka", "KS"),
    ("Omaha", "NE"), ("Lincoln", "NE"), ("Scottsbluff", "NE"), ("Fargo", "ND"), ("Bismarck", "ND"),
    ("Sioux Falls", "SD"), ("Rapid City", "SD"), ("Oklahoma City", "OK"), ("Tulsa", "OK"), ("Little Rock", "AR"),
    ("Fayetteville", "AR"), ("Memphis", "TN"), ("Nashville", "TN"), ("Knoxville", "TN"), ("Chattanooga", "TN"),
    ("Louisville", "KY"), ("Lexington", "KY"), ("Bowling Green", "KY"), ("Fort Wayne", "IN"), ("Evansville", "IN"),
    ("South Bend", "IN"), ("Gary", "IN"), ("Birmingham", "AL"), ("Montgomery", "AL"), ("Mobile", "AL"),
    ("Huntsville", "AL"), ("Jackson", "MS"), ("Biloxi", "MS"), ("Baton Rouge", "LA"), ("Shreveport", "LA"),
    ("Savannah", "GA"), ("Augusta", "GA"), ("Macon", "GA"), ("Charlotte", "NC"), ("Raleigh", "NC"),
    ("Greensboro", "NC"), ("Asheville", "NC"), ("Wilmington", "NC"), ("Charleston", "SC"), ("Columbia", "SC"),
    ("Greenville", "SC"), ("Richmond", "VA"), ("Norfolk", "VA"), ("Roanoke", "VA"), ("Huntington", "WV"),
    ("Morgantown", "WV"), ("Baltimore", "MD"), ("Frederick", "MD"), ("Washington", "DC"), ("Dover", "DE"),
    ("Newark", "NJ"), ("Trenton", "NJ"), ("Jersey City", "NJ"), ("Hartford", "CT"), ("New Haven", "CT"),
    ("Providence", "RI"), ("Worcester", "MA"), ("Lowell", "MA"), ("Manchester", "NH"), ("Burlington", "VT"),
    ("Portland", "ME"), ("Bangor", "ME"), ("Tucson", "AZ"), ("Flagstaff", "AZ"), ("Yuma", "AZ"),
    ("Albuquerque", "NM"), ("Santa Fe", "NM"), ("Las Cruces", "NM"), ("Las Vegas", "NV"), ("Reno", "NV"),
    ("Colorado Springs", "CO"), ("Pueblo", "CO"), ("Grand Junction", "CO"), ("Provo", "UT"), ("Saint George", "UT"),
    ("Pocatello", "ID"), ("Coeur D Alene", "ID"), ("Billings", "MT"), ("Missoula", "MT"), ("Cheyenne", "WY"),
    ("Casper", "WY"), ("Spokane", "WA"), ("Tacoma", "WA"), ("Yakima", "WA"), ("Salem", "OR"), ("Eugene", "OR"),
    ("Bend", "OR"), ("Fairbanks", "AK"), ("Juneau", "AK"), ("Hilo", "HI"), ("Ponce", "PR"),
)  # fmt: skip
