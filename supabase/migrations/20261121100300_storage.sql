-- Where outputs live: a private bucket, one folder per user. Workers write with the service key; owners read.
set lock_timeout = '4s';
set statement_timeout = '60s';

insert into storage.buckets (id, name, public)
values ('images', 'images', false)
on conflict (id) do nothing;

create policy "owners read their images" on storage.objects
  for select to authenticated
  using (bucket_id = 'images' and (storage.foldername(name))[1] = (select auth.uid())::text);
