-- list_batch_outputs(p_batch_id) -> jsonb      called by: backend/rpc/batches.py as service_role
-- What an archive that was asked for is to hold, {path, items: [{index, outputs: [path]}]}; null when none was asked for.
-- What has succeeded only grows, so its number names the file: one that is built late never replaces one that holds more.
create or replace function public.list_batch_outputs(p_batch_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('path', format('%s/batches/%s/%s.zip', b.user_id, b.id, i.count), 'items', i.items)
    from public.batches b cross join lateral (
      select count(*), coalesce(jsonb_agg(jsonb_build_object('index', g.batch_index, 'outputs',
        (select coalesce(jsonb_agg(o.output -> 'path' order by o.n), '[]')
         from jsonb_array_elements(g.outputs) with ordinality o (output, n))) order by g.batch_index), '[]') as items
      from private.last_tries(b.id) g where g.status = 'succeeded') i
    where b.id = p_batch_id and b.archive_status = 'building');
end
$$;

revoke all on function public.list_batch_outputs(uuid) from public, anon, authenticated, service_role;
grant execute on function public.list_batch_outputs(uuid) to service_role;
