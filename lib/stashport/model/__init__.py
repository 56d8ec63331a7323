"""What a library consists of: kinds, fields, records.  Pure: nothing here reads or writes anything."""
