"""The report: its schema, cells and views, reading back, summary and rendering."""
