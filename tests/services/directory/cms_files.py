"""Small files shaped like CMS Hospital General Information, with one flaw a row."""

from __future__ import annotations

HEADER = (
    '"Provider.ID","Hospital.Name","Address","City","State","ZIP.Code","County.Name","Phone.Number","Hospital.Type",'
    '"Location","low_rating"\n'
)
# Rows with real ZIP codes. Lines: 2 good, 5 good without coordinates, 8 an unknown ZIP code, 11 a repeated id,
# 14 another state, 17 a row cut short, 18 good.
PLANTED = HEADER + (
    '10005,"MARSHALL MEDICAL CENTER SOUTH","2505 U S HIGHWAY 431 NORTH","BOAZ","AL",35957,"MARSHALL",2565938310,'
    '"Acute Care Hospitals","2505 U S HIGHWAY 431 NORTH\nBOAZ, AL\n(34.221465, -86.159355)",0\n'
    '400001,"HOSPITAL PLANTED","CARR 2","SAN JUAN","PR",901,"SAN JUAN",936933841,"Acute Care Hospitals","CARR 2\n'
    'SAN JUAN, PR\n",1\n'
    '10012,"NO SUCH ZIP","1 ROAD","FORT PAYNE","AL",99999,"DE KALB",2568453150,"Acute Care Hospitals","1 ROAD\n'
    'FORT PAYNE, AL\n",0\n'
    '010005,"REPEATED","2505 U S HIGHWAY 431 NORTH","BOAZ","AL",35957,"MARSHALL",2565938310,"Acute Care Hospitals","X\n'
    'BOAZ, AL\n",0\n'
    '10013,"OTHER STATE","1 ROAD","BOAZ","TX",35957,"MARSHALL",2565938310,"Acute Care Hospitals","1 ROAD\n'
    'BOAZ, TX\n",0\n'
    '10014,"CUT SHORT","1 ROAD"\n'
    '20018,"YUKON KUSKOKWIM","PO BOX 287","BETHEL","AK",99559,"BETHEL",9075436300,"Critical Access Hospitals","PO BOX\n'
    'BETHEL, AK\n",0\n'
)
REASONS = {
    8: "there is no ZIP code 99999",
    11: "the provider id stands on line 2 already",
    14: "ZIP code 35957 is in AL, the row says TX",
    17: "has 3 values, the header 11",
}
