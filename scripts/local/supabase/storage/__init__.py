"""The Storage API: buckets and files, with the policies of storage.objects deciding who may do what."""
