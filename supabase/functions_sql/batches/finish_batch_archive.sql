-- finish_batch_archive(p_batch_id, p_path, p_items, p_bytes, p_error) -> text      called by: backend/rpc/batches.py as service_role
-- The archive is stored at p_path and holds p_items items; or it could not be made, and p_error says why. Both may be told twice, and
-- by several workers at once: the fullest counts, and what is there already is not taken back by an error.
-- Returns the path of a file that nobody needs any more, the one before or this one; null when there is none.
-- Refuses: invalid_params 422
drop function if exists public.finish_batch_archive(uuid, text, integer, bigint, text);
create or replace function public.finish_batch_archive(
  p_batch_id uuid, p_path text default null, p_items integer default null, p_bytes bigint default null, p_error text default null)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  b public.batches;
begin
  if (p_path is null) = (p_error is null) or (p_path is null) <> (p_items is null) or char_length(p_error) > 100 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "path"}',
      hint = 'Name the path and the items of the archive, or the error in at most 100 characters.';
  end if;
  select * into b from public.batches x where x.id = p_batch_id for no key update;
  if p_error is not null then
    update public.batches x set archive_status = 'failed', archive_error = p_error
    where x.id = b.id and b.archive_status = 'building';
    return null;
  end if;
  if b.archive_status is null or p_items < b.archive_items then
    return p_path; -- a fuller one came first, or the batch is gone
  end if;
  update public.batches x
  set archive_status = 'ready', archive_path = p_path, archive_items = p_items, archive_bytes = p_bytes, archive_error = null
  where x.id = b.id;
  return nullif(b.archive_path, p_path);
end
$$;

revoke all on function public.finish_batch_archive(uuid, text, integer, bigint, text) from public, anon, authenticated, service_role;
grant execute on function public.finish_batch_archive(uuid, text, integer, bigint, text) to service_role;
