"""Names of people who do not exist, mixed as the country is, with the languages that may come with them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heritage:
    """Given and family names that go together, a share of the people, and languages a clinician of it may speak."""

    share: int
    given: tuple[str, ...]
    family: tuple[str, ...]
    languages: tuple[str, ...] = ()


HERITAGES: tuple[Heritage, ...] = (
    Heritage(
        44,
        ("Emily", "James", "Hannah", "Robert", "Grace", "William", "Claire", "Thomas", "Megan", "Daniel", "Laura",
         "Peter", "Abigail", "Andrew", "Rachel", "Samuel", "Nora", "Henry", "Alice", "George", "Julia", "Walter",
         "Ruth", "Simon"),
        ("Miller", "Anderson", "Thompson", "Clark", "Walker", "Hughes", "Foster", "Bennett", "Sullivan", "Murphy",
         "Novak", "Fischer", "Larsen", "Rossi", "Kowalski", "O'Brien", "Hayes", "Palmer", "Schmidt", "Whitaker",
         "Marsh", "Doyle"),
    ),
    Heritage(
        25,
        ("María", "José", "Ana", "Luis", "Carmen", "Carlos", "Lucía", "Miguel", "Elena", "Javier", "Rosa", "Diego",
         "Sofía", "Rafael", "Isabel", "Andrés", "Gabriela", "Manuel", "Teresa", "Ramón", "Valeria", "Héctor"),
        ("Flores", "Ramírez", "Torres", "Morales", "Castillo", "Ortega", "Delgado", "Vargas", "Muñoz", "Herrera",
         "Peña", "Navarro", "Cordero", "Fuentes", "Salazar", "Ríos", "Aguilar", "Maldonado", "Santos", "Villanueva"),
        ("es",),
    ),
    Heritage(
        14,
        ("Aaliyah", "Marcus", "Imani", "Darius", "Keisha", "Andre", "Monique", "Terrence", "Latoya", "Jerome",
         "Naomi", "Isaiah", "Simone", "Malik", "Vivian", "Reginald"),
        ("Washington", "Jefferson", "Freeman", "Coleman", "Brooks", "Jenkins", "Booker", "Hairston", "Gaines",
         "Mosley", "Baptiste", "Okafor", "Mensah", "Tesfaye"),
        ("fr", "ht", "am"),
    ),
    Heritage(
        7,
        ("Wei", "Mei", "Jun", "Lan", "Hana", "Min-jun", "Linh", "Minh", "Kenji", "Yuki", "Thuy", "Jian"),
        ("Chen", "Wang", "Nguyen", "Tran", "Kim", "Park", "Tanaka", "Liu", "Pham", "Huang", "Choi", "Sato"),
        ("zh", "zh-Hant", "vi", "ko", "ja"),
    ),
    Heritage(
        6,
        ("Priya", "Arjun", "Anjali", "Vikram", "Farah", "Omar", "Layla", "Imran", "Nadia", "Rohan", "Sana", "Karim"),
        ("Patel", "Sharma", "Reddy", "Khan", "Haddad", "Rahman", "Iyer", "Nasser", "Gupta", "Farouk", "Singh", "Aziz"),
        ("hi", "ur", "ar", "pa"),
    ),
    Heritage(
        4,
        ("Leilani", "Kai", "Noelani", "Malia", "Jun-Jun", "Grace", "Angelo", "Maribel", "Dakota", "Sequoia"),
        ("Kealoha", "Kahale", "Reyes", "Bautista", "Dela Cruz", "Begay", "Yazzie", "Tsosie", "Santiago", "Ocampo"),
        ("tl", "haw", "nv"),
    ),
)  # fmt: skip
HISPANIC = HERITAGES[1]
