-- name_item(p_detail, p_item, p_place, p_field) -> text      called by: price_items
-- The detail of a refusal, with which item it is about: its index (that of the batch in a retry, else its place) and items.17.prompt.
create or replace function private.name_item(p_detail text, p_item jsonb, p_place integer, p_field text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_index integer := coalesce((p_item -> 'index')::integer, p_place);
begin
  return (p_detail::jsonb || jsonb_build_object('index', v_index, 'field', concat_ws('.', 'items', v_index, nullif(p_field, ''))))::text;
end
$$;

revoke all on function private.name_item(text, jsonb, integer, text) from public, anon, authenticated, service_role;
