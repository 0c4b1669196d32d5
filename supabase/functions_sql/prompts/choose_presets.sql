-- choose_presets(m, p_prompt, p_params, p_presets) -> jsonb      called by: create_generation, hold_items, admin_preview_prompt
-- What a generation is made with, in the order in which it is put together: [{key, version}] of the chosen presets and, with always: true, of
-- those that belong to each generation of this kind; null: nothing. A chosen one without an active row is that key's built-in (version null).
-- left_out says why one is not used: missing (no such preset), kind (not for this kind of model), length (the model takes no more).
-- The hot path: one look into a table of tens of rows.
create or replace function private.choose_presets(m public.models, p_prompt text, p_params jsonb, p_presets jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_chosen text[] := case jsonb_typeof(p_presets) when 'array' then array(select jsonb_array_elements_text(p_presets)) else '{}' end;
  v_presets jsonb;
begin
  if v_chosen = '{}' and not exists (
    select from private.system_prompts p where p.active and p.always and m.kind = any (p.kinds))
  then
    return null; -- as nearly always, and found out in a fifth of the time
  end if;
  with live as (
    select p.key, p.category, p.position, p.active_version as version, p.key <> all (v_chosen) as always,
      case when m.kind <> all (p.kinds) then 'kind' end as left_out
    from private.system_prompts p
    where p.active and (p.key = any (v_chosen) or (p.always and m.kind = any (p.kinds)))
  ), found as (
    select * from live
    union all
    select c.key, coalesce(b.category, ''), 100, null, false,
      case when b.key is null then 'missing' when m.kind = 'audio' then 'kind' end
    from unnest(v_chosen) c (key) left join private.builtin_prompts() b on b.key = c.key
    where not exists (select from live l where l.key = c.key)
  )
  select jsonb_agg(jsonb_build_object('key', f.key, 'version', f.version)
      || case when f.always then '{"always": true}' else '{}' end::jsonb
      || case when f.left_out is not null then jsonb_build_object('left_out', f.left_out) else '{}' end
      order by coalesce(array_position('{event_type,style_preset,others,quality,negative}', f.category), 3), f.category, f.position, f.key)
    into v_presets
  from found f;
  return case when v_presets is null then null else private.compose_prompt(m, p_prompt, p_params, v_presets) -> 'presets' end;
end
$$;

revoke all on function private.choose_presets(public.models, text, jsonb, jsonb) from public, anon, authenticated, service_role;
