-- prompt_change_json(c) -> jsonb      called by: what changes prompts
-- {change_id, source, undoes, created, updated, deleted, unchanged, prompts: [{key, change, version, before, after}]}: how many prompts became
-- what, and each with its text before and after (null: there was none). Made from what the change wrote down, so that a repeat answers the same.
create or replace function private.prompt_change_json(c private.prompt_changes)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('change_id', c.id, 'source', c.source, 'undoes', c.undoes,
      'created', count(*) filter (where i.item ->> 'change' = 'created'), 'updated', count(*) filter (where i.item ->> 'change' = 'updated'),
      'deleted', count(*) filter (where i.item ->> 'change' = 'deleted'), 'unchanged', count(*) filter (where i.item ->> 'change' = 'unchanged'),
      'prompts', coalesce(jsonb_agg(jsonb_build_object(
        'key', i.item ->> 'key', 'change', i.item ->> 'change', 'version', nullif(i.item -> 'after', 'null') -> 'active_version',
        'before', private.prompt_json(i.item ->> 'key', i.item -> 'before'), 'after', private.prompt_json(i.item ->> 'key', i.item -> 'after'))
        order by i.n), '[]'))
    from jsonb_array_elements(c.items) with ordinality i (item, n));
end
$$;

revoke all on function private.prompt_change_json(private.prompt_changes) from public, anon, authenticated, service_role;
