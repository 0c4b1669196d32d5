-- finish_batch_archive(p_batch_id, p_path, p_items, p_bytes, p_error) -> void      called by: backend/rpc/batches.py as service_role
-- The archive is stored at p_path and holds p_items items; or it could not be made, and p_error says why. Both may be told twice.
-- Refuses: invalid_params 422
create or replace function public.finish_batch_archive(
  p_batch_id uuid, p_path text default null, p_items integer default null, p_bytes bigint default null, p_error text default null)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  if (p_path is null) = (p_error is null) or (p_path is null) <> (p_items is null) or char_length(p_error) > 100 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "path"}',
      hint = 'Name the path and the items of the archive, or the error in at most 100 characters.';
  end if;
  update public.batches b
  set archive_status = case when p_error is null then 'ready' else 'failed' end, archive_path = coalesce(p_path, b.archive_path),
      archive_items = coalesce(p_items, b.archive_items), archive_bytes = coalesce(p_bytes, b.archive_bytes), archive_error = p_error
  where b.id = p_batch_id and b.archive_status = 'building';
end
$$;

revoke all on function public.finish_batch_archive(uuid, text, integer, bigint, text) from public, anon, authenticated, service_role;
grant execute on function public.finish_batch_archive(uuid, text, integer, bigint, text) to service_role;
