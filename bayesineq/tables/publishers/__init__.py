"""Files as their publishers lay them out: what each kind is stands in `data_schema/publishers`, a file a publisher."""
