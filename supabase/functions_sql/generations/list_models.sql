-- list_models() -> jsonb      called by: backend/rpc/models.py as anon or as the user
-- The active models with price rule and parameter schema, by title.
create or replace function public.list_models()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', m.id, 'provider', m.provider, 'kind', m.kind, 'title', m.title, 'description', m.description,
    'price', jsonb_build_object('base_credits', m.base_credits, 'unit', m.unit, 'unit_credits', m.unit_credits),
    'params_schema', m.params_schema, 'max_prompt_chars', m.max_prompt_chars) order by m.title), '[]')
  from public.models m
  where m.active;
$$;

revoke all on function public.list_models() from public, anon, authenticated, service_role;
grant execute on function public.list_models() to anon, authenticated, service_role;
