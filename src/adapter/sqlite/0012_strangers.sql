-- Strangers: people with a chat of whom no name is known by which operators write people, only ids. Teams is asked for
-- their e-mail addresses while somebody is awaited by such a name: an import or a schedule named them, and no id is known.

-- When to ask next; NULL when there is nothing to ask.
ALTER TABLE recipients ADD COLUMN introduce_at INTEGER;
-- How often Teams was asked without an answer.
ALTER TABLE recipients ADD COLUMN introduce_tries INTEGER NOT NULL DEFAULT 0;

CREATE INDEX strangers ON recipients (introduce_at) WHERE introduce_at IS NOT NULL;
CREATE INDEX awaited ON recipients (id)
    WHERE kind = 'person' AND conversation_id IS NULL AND user_id IS NULL AND entra_object_id IS NULL
        AND merged_into IS NULL;

UPDATE recipients SET introduce_at = 0
WHERE kind = 'person' AND conversation_id IS NOT NULL AND merged_into IS NULL AND NOT EXISTS (
    SELECT 1 FROM addresses a WHERE a.recipient_id = recipients.id AND a.address LIKE '%@%' AND a.address NOT LIKE '29:%'
);
