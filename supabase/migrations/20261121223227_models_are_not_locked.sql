-- A generation no longer locks the row of its model, which all generations of that model share.
-- What the reference promised holds without it: see decision 0020.
set lock_timeout = '4s';
set statement_timeout = '60s';

alter table public.generations drop constraint generations_model_id_fkey;
drop index public.generations_by_model; -- for that reference alone: nothing else asks for the generations of a model

comment on column public.generations.model_id is 'A model that was active; read in the statement that writes it. model_prices keeps models from being deleted or renamed.';
