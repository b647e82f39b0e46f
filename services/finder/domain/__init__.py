"""What the finder shows: places, kinds of visits, open times; and how the standard writes them down."""
