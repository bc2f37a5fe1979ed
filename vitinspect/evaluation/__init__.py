"""Evaluation: from a folder of pictures to a table, resumable, on one process or many.

``datasets``  the layouts that people have, as one list of items;
``plan``      what is to be done, said once, compared when a run is resumed;
``work``      what is computed of one image;
``store``     the run folder: SQLite, one row per image, method and score;
``runner``    reading ahead, running, resuming, several ranks;
``tables``    means with intervals, per method and annotator;
``report``    Markdown, LaTeX, CSV, JSON; ``plots`` the pictures in it.
"""
