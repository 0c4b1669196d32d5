-- preset_texts(p_presets) -> jsonb      called by: compose_prompt
-- [{key, category, content}] of the presets that are used, in their order: of their version, or built in.
create or replace function private.preset_texts(p_presets jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('key', p.preset -> 'key', 'category', coalesce(v.category, b.category),
    'content', btrim(coalesce(v.content, b.content), E' \t\r\n')) order by p.n), '[]')
  from jsonb_array_elements(p_presets) with ordinality p (preset, n)
    left join private.system_prompt_versions v on v.key = p.preset ->> 'key' and v.version = (p.preset ->> 'version')::integer
    left join private.builtin_prompts() b on b.key = p.preset ->> 'key' and p.preset -> 'version' = 'null'
  where not p.preset ? 'left_out' and coalesce(v.key, b.key) is not null;
$$;

revoke all on function private.preset_texts(jsonb) from public, anon, authenticated, service_role;
