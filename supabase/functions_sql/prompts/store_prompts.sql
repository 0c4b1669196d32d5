-- store_prompts(c, p_prompts) -> void      called by: act_write_prompts
-- Makes whole prompts so; versions only where text or category differ from the active one. Numbers of versions go on where they ended.
create or replace function private.store_prompts(c private.prompt_changes, p_prompts jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  with item as materialized (
    select i.*, p.active_version
    from jsonb_to_recordset(p_prompts) i (
      key text, category text, title text, description text, kinds jsonb, always boolean, position integer, active boolean, content text)
      left join private.system_prompts p on p.key = i.key
  ), made as (
    insert into private.system_prompt_versions (key, version, category, content, change_id, created_by, created_at)
    select i.key, 1 + coalesce((select max(x.version) from private.system_prompt_versions x where x.key = i.key), 0), i.category, i.content,
      c.id, c.created_by, c.created_at
    from item i left join private.system_prompt_versions v on v.key = i.key and v.version = i.active_version
    where (v.category, v.content) is distinct from (i.category, i.content)
    returning key, version
  )
  insert into private.system_prompts as p (
    key, category, title, description, kinds, always, position, active, active_version, created_at, updated_at)
  select i.key, i.category, i.title, i.description, array(select distinct k from jsonb_array_elements_text(i.kinds) k order by k), i.always,
    i.position, i.active, coalesce(m.version, i.active_version), c.created_at, c.created_at
  from item i left join made m on m.key = i.key
  on conflict (key) do update set category = excluded.category, title = excluded.title, description = excluded.description,
    kinds = excluded.kinds, always = excluded.always, position = excluded.position, active = excluded.active,
    active_version = excluded.active_version, updated_at = excluded.updated_at
  where (p.category, p.title, p.description, p.kinds, p.always, p.position, p.active, p.active_version) is distinct from (excluded.category,
    excluded.title, excluded.description, excluded.kinds, excluded.always, excluded.position, excluded.active, excluded.active_version);
end
$$;

revoke all on function private.store_prompts(private.prompt_changes, jsonb) from public, anon, authenticated, service_role;
